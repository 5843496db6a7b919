/* Verbatim. Licences: verbatim-chat.licenses.md */
(function(){var e=globalThis,t=e.ShadowRoot&&(e.ShadyCSS===void 0||e.ShadyCSS.nativeShadow)&&`adoptedStyleSheets`in Document.prototype&&`replace`in CSSStyleSheet.prototype,n=Symbol(),r=new WeakMap,i=class{constructor(e,t,r){if(this._$cssResult$=!0,r!==n)throw Error("CSSResult is not constructable. Use `unsafeCSS` or `css` instead.");this.cssText=e,this.t=t}get styleSheet(){let e=this.o,n=this.t;if(t&&e===void 0){let t=n!==void 0&&n.length===1;t&&(e=r.get(n)),e===void 0&&((this.o=e=new CSSStyleSheet).replaceSync(this.cssText),t&&r.set(n,e))}return e}toString(){return this.cssText}},a=e=>new i(typeof e==`string`?e:e+``,void 0,n),o=(e,...t)=>new i(e.length===1?e[0]:t.reduce((t,n,r)=>t+(e=>{if(!0===e._$cssResult$)return e.cssText;if(typeof e==`number`)return e;throw Error(`Value passed to 'css' function must be a 'css' function result: `+e+`. Use 'unsafeCSS' to pass non-literal values, but take care to ensure page security.`)})(n)+e[r+1],e[0]),e,n),s=(n,r)=>{if(t)n.adoptedStyleSheets=r.map(e=>e instanceof CSSStyleSheet?e:e.styleSheet);else for(let t of r){let r=document.createElement(`style`),i=e.litNonce;i!==void 0&&r.setAttribute(`nonce`,i),r.textContent=t.cssText,n.appendChild(r)}},c=t?e=>e:e=>e instanceof CSSStyleSheet?(e=>{let t=``;for(let n of e.cssRules)t+=n.cssText;return a(t)})(e):e,{is:l,defineProperty:u,getOwnPropertyDescriptor:d,getOwnPropertyNames:f,getOwnPropertySymbols:p,getPrototypeOf:m}=Object,h=globalThis,ee=h.trustedTypes,te=ee?ee.emptyScript:``,ne=h.reactiveElementPolyfillSupport,g=(e,t)=>e,_={toAttribute(e,t){switch(t){case Boolean:e=e?te:null;break;case Object:case Array:e=e==null?e:JSON.stringify(e)}return e},fromAttribute(e,t){let n=e;switch(t){case Boolean:n=e!==null;break;case Number:n=e===null?null:Number(e);break;case Object:case Array:try{n=JSON.parse(e)}catch{n=null}}return n}},re=(e,t)=>!l(e,t),ie={attribute:!0,type:String,converter:_,reflect:!1,useDefault:!1,hasChanged:re};Symbol.metadata??=Symbol(`metadata`),h.litPropertyMetadata??=new WeakMap;var v=class extends HTMLElement{static addInitializer(e){this._$Ei(),(this.l??=[]).push(e)}static get observedAttributes(){return this.finalize(),this._$Eh&&[...this._$Eh.keys()]}static createProperty(e,t=ie){if(t.state&&(t.attribute=!1),this._$Ei(),this.prototype.hasOwnProperty(e)&&((t=Object.create(t)).wrapped=!0),this.elementProperties.set(e,t),!t.noAccessor){let n=Symbol(),r=this.getPropertyDescriptor(e,n,t);r!==void 0&&u(this.prototype,e,r)}}static getPropertyDescriptor(e,t,n){let{get:r,set:i}=d(this.prototype,e)??{get(){return this[t]},set(e){this[t]=e}};return{get:r,set(t){let a=r?.call(this);i?.call(this,t),this.requestUpdate(e,a,n)},configurable:!0,enumerable:!0}}static getPropertyOptions(e){return this.elementProperties.get(e)??ie}static _$Ei(){if(this.hasOwnProperty(g(`elementProperties`)))return;let e=m(this);e.finalize(),e.l!==void 0&&(this.l=[...e.l]),this.elementProperties=new Map(e.elementProperties)}static finalize(){if(this.hasOwnProperty(g(`finalized`)))return;if(this.finalized=!0,this._$Ei(),this.hasOwnProperty(g(`properties`))){let e=this.properties,t=[...f(e),...p(e)];for(let n of t)this.createProperty(n,e[n])}let e=this[Symbol.metadata];if(e!==null){let t=litPropertyMetadata.get(e);if(t!==void 0)for(let[e,n]of t)this.elementProperties.set(e,n)}this._$Eh=new Map;for(let[e,t]of this.elementProperties){let n=this._$Eu(e,t);n!==void 0&&this._$Eh.set(n,e)}this.elementStyles=this.finalizeStyles(this.styles)}static finalizeStyles(e){let t=[];if(Array.isArray(e)){let n=new Set(e.flat(1/0).reverse());for(let e of n)t.unshift(c(e))}else e!==void 0&&t.push(c(e));return t}static _$Eu(e,t){let n=t.attribute;return!1===n?void 0:typeof n==`string`?n:typeof e==`string`?e.toLowerCase():void 0}constructor(){super(),this._$Ep=void 0,this.isUpdatePending=!1,this.hasUpdated=!1,this._$Em=null,this._$Ev()}_$Ev(){this._$ES=new Promise(e=>this.enableUpdating=e),this._$AL=new Map,this._$E_(),this.requestUpdate(),this.constructor.l?.forEach(e=>e(this))}addController(e){(this._$EO??=new Set).add(e),this.renderRoot!==void 0&&this.isConnected&&e.hostConnected?.()}removeController(e){this._$EO?.delete(e)}_$E_(){let e=new Map,t=this.constructor.elementProperties;for(let n of t.keys())this.hasOwnProperty(n)&&(e.set(n,this[n]),delete this[n]);e.size>0&&(this._$Ep=e)}createRenderRoot(){let e=this.shadowRoot??this.attachShadow(this.constructor.shadowRootOptions);return s(e,this.constructor.elementStyles),e}connectedCallback(){this.renderRoot??=this.createRenderRoot(),this.enableUpdating(!0),this._$EO?.forEach(e=>e.hostConnected?.())}enableUpdating(e){}disconnectedCallback(){this._$EO?.forEach(e=>e.hostDisconnected?.())}attributeChangedCallback(e,t,n){this._$AK(e,n)}_$ET(e,t){let n=this.constructor.elementProperties.get(e),r=this.constructor._$Eu(e,n);if(r!==void 0&&!0===n.reflect){let i=(n.converter?.toAttribute===void 0?_:n.converter).toAttribute(t,n.type);this._$Em=e,i==null?this.removeAttribute(r):this.setAttribute(r,i),this._$Em=null}}_$AK(e,t){let n=this.constructor,r=n._$Eh.get(e);if(r!==void 0&&this._$Em!==r){let e=n.getPropertyOptions(r),i=typeof e.converter==`function`?{fromAttribute:e.converter}:e.converter?.fromAttribute===void 0?_:e.converter;this._$Em=r;let a=i.fromAttribute(t,e.type);this[r]=a??this._$Ej?.get(r)??a,this._$Em=null}}requestUpdate(e,t,n,r=!1,i){if(e!==void 0){let a=this.constructor;if(!1===r&&(i=this[e]),n??=a.getPropertyOptions(e),!((n.hasChanged??re)(i,t)||n.useDefault&&n.reflect&&i===this._$Ej?.get(e)&&!this.hasAttribute(a._$Eu(e,n))))return;this.C(e,t,n)}!1===this.isUpdatePending&&(this._$ES=this._$EP())}C(e,t,{useDefault:n,reflect:r,wrapped:i},a){n&&!(this._$Ej??=new Map).has(e)&&(this._$Ej.set(e,a??t??this[e]),!0!==i||a!==void 0)||(this._$AL.has(e)||(this.hasUpdated||n||(t=void 0),this._$AL.set(e,t)),!0===r&&this._$Em!==e&&(this._$Eq??=new Set).add(e))}async _$EP(){this.isUpdatePending=!0;try{await this._$ES}catch(e){Promise.reject(e)}let e=this.scheduleUpdate();return e!=null&&await e,!this.isUpdatePending}scheduleUpdate(){return this.performUpdate()}performUpdate(){if(!this.isUpdatePending)return;if(!this.hasUpdated){if(this.renderRoot??=this.createRenderRoot(),this._$Ep){for(let[e,t]of this._$Ep)this[e]=t;this._$Ep=void 0}let e=this.constructor.elementProperties;if(e.size>0)for(let[t,n]of e){let{wrapped:e}=n,r=this[t];!0!==e||this._$AL.has(t)||r===void 0||this.C(t,void 0,n,r)}}let e=!1,t=this._$AL;try{e=this.shouldUpdate(t),e?(this.willUpdate(t),this._$EO?.forEach(e=>e.hostUpdate?.()),this.update(t)):this._$EM()}catch(t){throw e=!1,this._$EM(),t}e&&this._$AE(t)}willUpdate(e){}_$AE(e){this._$EO?.forEach(e=>e.hostUpdated?.()),this.hasUpdated||(this.hasUpdated=!0,this.firstUpdated(e)),this.updated(e)}_$EM(){this._$AL=new Map,this.isUpdatePending=!1}get updateComplete(){return this.getUpdateComplete()}getUpdateComplete(){return this._$ES}shouldUpdate(e){return!0}update(e){this._$Eq&&=this._$Eq.forEach(e=>this._$ET(e,this[e])),this._$EM()}updated(e){}firstUpdated(e){}};v.elementStyles=[],v.shadowRootOptions={mode:`open`},v[g(`elementProperties`)]=new Map,v[g(`finalized`)]=new Map,ne?.({ReactiveElement:v}),(h.reactiveElementVersions??=[]).push(`2.1.2`);var ae=globalThis,oe=e=>e,y=ae.trustedTypes,se=y?y.createPolicy(`lit-html`,{createHTML:e=>e}):void 0,b=`$lit$`,x=`lit$${Math.random().toFixed(9).slice(2)}$`,S=`?`+x,ce=`<${S}>`,C=document,w=()=>C.createComment(``),T=e=>e===null||typeof e!=`object`&&typeof e!=`function`,le=Array.isArray,ue=e=>le(e)||typeof e?.[Symbol.iterator]==`function`,de=`[ 	
\f\r]`,E=/<(?:(!--|\/[^a-zA-Z])|(\/?[a-zA-Z][^>\s]*)|(\/?$))/g,fe=/-->/g,pe=/>/g,D=RegExp(`>|${de}(?:([^\\s"'>=/]+)(${de}*=${de}*(?:[^ \t\n\f\r"'\`<>=]|("|')|))|$)`,`g`),me=/'/g,he=/"/g,ge=/^(?:script|style|textarea|title)$/i,_e=e=>(t,...n)=>({_$litType$:e,strings:t,values:n}),O=_e(1),k=_e(2),A=Symbol.for(`lit-noChange`),j=Symbol.for(`lit-nothing`),ve=new WeakMap,M=C.createTreeWalker(C,129);function ye(e,t){if(!le(e)||!e.hasOwnProperty(`raw`))throw Error(`invalid template strings array`);return se===void 0?t:se.createHTML(t)}var be=(e,t)=>{let n=e.length-1,r=[],i,a=t===2?`<svg>`:t===3?`<math>`:``,o=E;for(let t=0;t<n;t++){let n=e[t],s,c,l=-1,u=0;for(;u<n.length&&(o.lastIndex=u,c=o.exec(n),c!==null);)u=o.lastIndex,o===E?c[1]===`!--`?o=fe:c[1]===void 0?c[2]===void 0?c[3]!==void 0&&(o=D):(ge.test(c[2])&&(i=RegExp(`</`+c[2],`g`)),o=D):o=pe:o===D?c[0]===`>`?(o=i??E,l=-1):c[1]===void 0?l=-2:(l=o.lastIndex-c[2].length,s=c[1],o=c[3]===void 0?D:c[3]===`"`?he:me):o===he||o===me?o=D:o===fe||o===pe?o=E:(o=D,i=void 0);let d=o===D&&e[t+1].startsWith(`/>`)?` `:``;a+=o===E?n+ce:l>=0?(r.push(s),n.slice(0,l)+b+n.slice(l)+x+d):n+x+(l===-2?t:d)}return[ye(e,a+(e[n]||`<?>`)+(t===2?`</svg>`:t===3?`</math>`:``)),r]},N=class e{constructor({strings:t,_$litType$:n},r){let i;this.parts=[];let a=0,o=0,s=t.length-1,c=this.parts,[l,u]=be(t,n);if(this.el=e.createElement(l,r),M.currentNode=this.el.content,n===2||n===3){let e=this.el.content.firstChild;e.replaceWith(...e.childNodes)}for(;(i=M.nextNode())!==null&&c.length<s;){if(i.nodeType===1){if(i.hasAttributes())for(let e of i.getAttributeNames())if(e.endsWith(b)){let t=u[o++],n=i.getAttribute(e).split(x),r=/([.?@])?(.*)/.exec(t);c.push({type:1,index:a,name:r[2],strings:n,ctor:r[1]===`.`?Se:r[1]===`?`?Ce:r[1]===`@`?we:I}),i.removeAttribute(e)}else e.startsWith(x)&&(c.push({type:6,index:a}),i.removeAttribute(e));if(ge.test(i.tagName)){let e=i.textContent.split(x),t=e.length-1;if(t>0){i.textContent=y?y.emptyScript:``;for(let n=0;n<t;n++)i.append(e[n],w()),M.nextNode(),c.push({type:2,index:++a});i.append(e[t],w())}}}else if(i.nodeType===8){if(i.data===S)c.push({type:2,index:a});else{let e=-1;for(;(e=i.data.indexOf(x,e+1))!==-1;)c.push({type:7,index:a}),e+=x.length-1}}a++}}static createElement(e,t){let n=C.createElement(`template`);return n.innerHTML=e,n}};function P(e,t,n=e,r){if(t===A)return t;let i=r===void 0?n._$Cl:n._$Co?.[r],a=T(t)?void 0:t._$litDirective$;return i?.constructor!==a&&(i?._$AO?.(!1),a===void 0?i=void 0:(i=new a(e),i._$AT(e,n,r)),r===void 0?n._$Cl=i:(n._$Co??=[])[r]=i),i!==void 0&&(t=P(e,i._$AS(e,t.values),i,r)),t}var xe=class{constructor(e,t){this._$AV=[],this._$AN=void 0,this._$AD=e,this._$AM=t}get parentNode(){return this._$AM.parentNode}get _$AU(){return this._$AM._$AU}u(e){let{el:{content:t},parts:n}=this._$AD,r=(e?.creationScope??C).importNode(t,!0);M.currentNode=r;let i=M.nextNode(),a=0,o=0,s=n[0];for(;s!==void 0;){if(a===s.index){let t;s.type===2?t=new F(i,i.nextSibling,this,e):s.type===1?t=new s.ctor(i,s.name,s.strings,this,e):s.type===6&&(t=new Te(i,this,e)),this._$AV.push(t),s=n[++o]}a!==s?.index&&(i=M.nextNode(),a++)}return M.currentNode=C,r}p(e){let t=0;for(let n of this._$AV)n!==void 0&&(n.strings===void 0?n._$AI(e[t]):(n._$AI(e,n,t),t+=n.strings.length-2)),t++}},F=class e{get _$AU(){return this._$AM?._$AU??this._$Cv}constructor(e,t,n,r){this.type=2,this._$AH=j,this._$AN=void 0,this._$AA=e,this._$AB=t,this._$AM=n,this.options=r,this._$Cv=r?.isConnected??!0}get parentNode(){let e=this._$AA.parentNode,t=this._$AM;return t!==void 0&&e?.nodeType===11&&(e=t.parentNode),e}get startNode(){return this._$AA}get endNode(){return this._$AB}_$AI(e,t=this){e=P(this,e,t),T(e)?e===j||e==null||e===``?(this._$AH!==j&&this._$AR(),this._$AH=j):e!==this._$AH&&e!==A&&this._(e):e._$litType$===void 0?e.nodeType===void 0?ue(e)?this.k(e):this._(e):this.T(e):this.$(e)}O(e){return this._$AA.parentNode.insertBefore(e,this._$AB)}T(e){this._$AH!==e&&(this._$AR(),this._$AH=this.O(e))}_(e){this._$AH!==j&&T(this._$AH)?this._$AA.nextSibling.data=e:this.T(C.createTextNode(e)),this._$AH=e}$(e){let{values:t,_$litType$:n}=e,r=typeof n==`number`?this._$AC(e):(n.el===void 0&&(n.el=N.createElement(ye(n.h,n.h[0]),this.options)),n);if(this._$AH?._$AD===r)this._$AH.p(t);else{let e=new xe(r,this),n=e.u(this.options);e.p(t),this.T(n),this._$AH=e}}_$AC(e){let t=ve.get(e.strings);return t===void 0&&ve.set(e.strings,t=new N(e)),t}k(t){le(this._$AH)||(this._$AH=[],this._$AR());let n=this._$AH,r,i=0;for(let a of t)i===n.length?n.push(r=new e(this.O(w()),this.O(w()),this,this.options)):r=n[i],r._$AI(a),i++;i<n.length&&(this._$AR(r&&r._$AB.nextSibling,i),n.length=i)}_$AR(e=this._$AA.nextSibling,t){for(this._$AP?.(!1,!0,t);e!==this._$AB;){let t=oe(e).nextSibling;oe(e).remove(),e=t}}setConnected(e){this._$AM===void 0&&(this._$Cv=e,this._$AP?.(e))}},I=class{get tagName(){return this.element.tagName}get _$AU(){return this._$AM._$AU}constructor(e,t,n,r,i){this.type=1,this._$AH=j,this._$AN=void 0,this.element=e,this.name=t,this._$AM=r,this.options=i,n.length>2||n[0]!==``||n[1]!==``?(this._$AH=Array(n.length-1).fill(new String),this.strings=n):this._$AH=j}_$AI(e,t=this,n,r){let i=this.strings,a=!1;if(i===void 0)e=P(this,e,t,0),a=!T(e)||e!==this._$AH&&e!==A,a&&(this._$AH=e);else{let r=e,o,s;for(e=i[0],o=0;o<i.length-1;o++)s=P(this,r[n+o],t,o),s===A&&(s=this._$AH[o]),a||=!T(s)||s!==this._$AH[o],s===j?e=j:e!==j&&(e+=(s??``)+i[o+1]),this._$AH[o]=s}a&&!r&&this.j(e)}j(e){e===j?this.element.removeAttribute(this.name):this.element.setAttribute(this.name,e??``)}},Se=class extends I{constructor(){super(...arguments),this.type=3}j(e){this.element[this.name]=e===j?void 0:e}},Ce=class extends I{constructor(){super(...arguments),this.type=4}j(e){this.element.toggleAttribute(this.name,!!e&&e!==j)}},we=class extends I{constructor(e,t,n,r,i){super(e,t,n,r,i),this.type=5}_$AI(e,t=this){if((e=P(this,e,t,0)??j)===A)return;let n=this._$AH,r=e===j&&n!==j||e.capture!==n.capture||e.once!==n.once||e.passive!==n.passive,i=e!==j&&(n===j||r);r&&this.element.removeEventListener(this.name,this,n),i&&this.element.addEventListener(this.name,this,e),this._$AH=e}handleEvent(e){typeof this._$AH==`function`?this._$AH.call(this.options?.host??this.element,e):this._$AH.handleEvent(e)}},Te=class{constructor(e,t,n){this.element=e,this.type=6,this._$AN=void 0,this._$AM=t,this.options=n}get _$AU(){return this._$AM._$AU}_$AI(e){P(this,e)}},Ee={M:b,P:x,A:S,C:1,L:be,R:xe,D:ue,V:P,I:F,H:I,N:Ce,U:we,B:Se,F:Te},De=ae.litHtmlPolyfillSupport;De?.(N,F),(ae.litHtmlVersions??=[]).push(`3.3.3`);var Oe=(e,t,n)=>{let r=n?.renderBefore??t,i=r._$litPart$;if(i===void 0){let e=n?.renderBefore??null;r._$litPart$=i=new F(t.insertBefore(w(),e),e,void 0,n??{})}return i._$AI(e),i},L=globalThis,R=class extends v{constructor(){super(...arguments),this.renderOptions={host:this},this._$Do=void 0}createRenderRoot(){let e=super.createRenderRoot();return this.renderOptions.renderBefore??=e.firstChild,e}update(e){let t=this.render();this.hasUpdated||(this.renderOptions.isConnected=this.isConnected),super.update(e),this._$Do=Oe(t,this.renderRoot,this.renderOptions)}connectedCallback(){super.connectedCallback(),this._$Do?.setConnected(!0)}disconnectedCallback(){super.disconnectedCallback(),this._$Do?.setConnected(!1)}render(){return A}};R._$litElement$=!0,R.finalized=!0,L.litElementHydrateSupport?.({LitElement:R});var ke=L.litElementPolyfillSupport;ke?.({LitElement:R}),(L.litElementVersions??=[]).push(`4.2.2`);function Ae(e){let{location:t}=globalThis,{protocol:n,host:r,pathname:i}=new URL(e,t?.href),a=t?.protocol===`https:`||/^(https|wss):/.test(n)?`s`:``;return{socket:`ws${a}://${r}${i}`,sessions:`http${a}://${r}${i.replace(/(\/ws\/chat)?\/?$/,`/api/chats/sessions/`)}`}}var je=class{#e=0;constructor(e,t){this.baseMs=e,this.mostMs=t}next(){return Math.random()*Math.min(this.mostMs,this.baseMs*2**this.#e++)}reset(){this.#e=0}};function Me(e){return{type:`chunk`,chunk:e.chunk,done:e.done,messageId:e.message_id}}function Ne(e){return{type:`complete`,responseId:e.response_id,messageId:e.message_id,conversationData:e.conversation_data,complete:e.complete,needsInfo:e.needs_info??null,suggestions:e.suggestions??[]}}var Pe=[`not_connected`,`rate_limited`,`unavailable`,`internal_error`],z=class extends Error{constructor(e,t,n,r){super(e),this.code=t,this.sessionId=n,this.messageId=r,this.name=`ChatError`}get isPassing(){return Pe.includes(this.code)}};function Fe(e){return new z(e.error,e.metadata.code,e.session_id,e.message_id)}var Ie=class{#e=[];constructor(e){this.send=e}add(e){return new Promise((t,n)=>this.#e.push({frame:e,resolve:t,reject:n}))}sendAll(){for(let e of this.#e.splice(0)){let{frame:t,resolve:n,reject:r}=e;this.send(t,{answer:`silence`,done:n,refused:r,lost:()=>this.#t(e)}),this.send({type:`ping`},{answer:`pong`})}}rejectAll(e){for(let{reject:t}of this.#e.splice(0))t(e)}#t(e){let{frame:t,reject:n}=e;t.type===`feedback`?this.#e.push(e):n(new z(`The connection was lost: perhaps the reply was stopped`,`lost`,t.session_id))}},Le=`verbatim.v1`,Re={messageChars:4e3,messagesPerMinute:30};function ze(e){let{window:t,document:n}=globalThis,r=()=>{n?.visibilityState===`visible`&&e()};return t?.addEventListener(`online`,e),n?.addEventListener(`visibilitychange`,r),()=>{t?.removeEventListener(`online`,e),n?.removeEventListener(`visibilitychange`,r)}}var Be=4e3,Ve=1006,He=1,Ue=class{#e;#t;#n;#r;#i;#a=!1;#o=!1;constructor(e,t,n,r){this.url=e,this.listener=t,this.timing=n,this.webSocket=r,this.#e=new je(n.retryMs,n.retryMostMs),this.#t=ze(()=>this.#m()),this.#s(0)}send(e){this.#n?.readyState===He&&this.#n.send(JSON.stringify(e))}retry(e){this.#n&&this.#f(Be,e)}close(){this.#t(),this.#n&&this.#f(1e3,``),this.#o=!0,clearTimeout(this.#r)}#s(e){clearTimeout(this.#r),this.#r=setTimeout(()=>this.#c(),e)}#c(){try{this.#l(new this.webSocket(this.url,[Le]))}catch{this.#d(``)}}#l(e){this.#n=e,this.#r=setTimeout(()=>this.#d(`timeout`),this.timing.connectMs);let t=(t,n)=>{e.addEventListener(t,t=>this.#n===e&&n(t))};t(`open`,()=>this.#u()),t(`message`,({data:e})=>this.listener.received(String(e))),t(`error`,()=>this.#d(``)),t(`close`,({code:e,reason:t})=>this.#p(e,t))}#u(){clearTimeout(this.#r),this.#i=Date.now(),this.#a=!1,this.listener.opened()}#d(e){let t=!this.#a;this.#a=!0,t&&this.listener.failed(),this.#o||this.#f(Ve,e)}#f(e,t,n){let r=this.#n;this.#n=void 0,r?.close(),this.#p(e,t,n)}#p(e,t,n){let r=this.#i;r!==void 0&&Date.now()-r>=this.timing.stableMs&&this.#e.reset(),this.#n=this.#i=void 0,this.#s(n??this.#e.next());let i=e>=4400&&e<4500;this.listener.lost({code:r===void 0?Ve:e,reason:t,isFinal:i})}#m(){this.#i===void 0?this.#n?this.#f(Be,`woken`,0):this.#s(0):this.listener.woken()}},We={burst:Re.messagesPerMinute/3,perMinute:Re.messagesPerMinute*2/3},Ge=class{#e;#t;constructor(e,t){this.pace=e,this.#e=e.burst,this.#t=t}wait(e){return this.#n(e),Math.max(0,(1-this.#e)*6e4/this.pace.perMinute)}take(e){this.#n(e),--this.#e}#n(e){let t=Math.max(0,e-this.#t);this.#e=Math.min(this.pace.burst,this.#e+t*this.pace.perMinute/6e4),this.#t=e}},Ke=class{#e=new Map;#t;#n=!1;#r=0;#i;constructor(e,t,n,r){this.outbox=e,this.route=t,this.pace=n,this.backoff=r}next(){if(clearTimeout(this.#t),this.#n)return;let e=this.outbox.all.find(({session_id:e})=>this.route.isReady(e));if(!e)return;let t=this.#a(e);t>0?this.#t=setTimeout(()=>this.next(),t):this.#o(e)}spend(e){this.#l(e).take(Date.now())}#a(e){let t=Date.now(),n=this.#i===e;return Math.max(this.#r-t,n?0:this.#l(e.session_id).wait(t))}#o(e){this.#i!==e&&this.spend(e.session_id),this.#i=e,this.#n=!0,this.route.send(e,{answer:`accepted`,done:()=>this.#s(e),refused:t=>this.#c(e,t),lost:()=>this.#n=!1})}#s(e){this.outbox.take(e),this.backoff.reset(),this.#n=!1,this.next()}#c(e,t){this.#n=!1,t.isPassing?this.#r=Date.now()+this.backoff.next():this.outbox.take(e)&&this.route.undelivered(e,t),this.next()}#l(e){let t=this.#e.get(e)??new Ge(this.pace,Date.now());return this.#e.set(e,t),t}},qe=class{#e=new Map;on(e,t){let n=this.#e.get(e)??new Set;this.#e.set(e,n);let r=e=>t(e);return n.add(r),()=>void n.delete(r)}emit(e,t){for(let n of[...this.#e.get(e)??[]])try{n(t)}catch(e){setTimeout(()=>{throw e})}}},Je=class{#e;#t=!1;constructor(e,t,n,r){this.quietMs=e,this.answerMs=t,this.ask=n,this.giveUp=r}heard(){this.stop(),this.#e=setTimeout(()=>this.probe(),this.quietMs)}probe(){this.#t||(this.stop(),this.#t=!0,this.#e=setTimeout(()=>{this.stop(),this.giveUp()},this.answerMs()),this.ask())}stop(){clearTimeout(this.#e),this.#t=!1}};function B(e,t){let n=t.toLowerCase().replaceAll(`-`,``);if(!/^[0-9a-f]{32}$/.test(n))throw new z(`${e} must be a UUID`,`invalid_request`);return n.replace(/^(.{8})(.{4})(.{4})(.{4})/,`$1-$2-$3-$4-`)}function Ye(){return[...crypto.getRandomValues(new Uint8Array(16))].map(e=>e.toString(16).padStart(2,`0`)).join(``)}var Xe=class{#e=!1;constructor(e,t,n){this.sessions=e,this.send=t,this.listener=n}joinAll(){this.#e=!1;for(let e of this.sessions.all)e.isReady||this.join(e)}join(e){let{session_id:t,visitor_id:n,cursor:r}=e;this.send({type:`join`,session_id:t,visitor_id:n,...r&&{after:r}},{answer:`connected`,done:t=>this.#t(e,t),refused:t=>this.#n(e,t)})}forgotten(){this.#e=!0}#t(e,{metadata:t}){e.isJoined=!0,e.cursor||this.sessions.move(e,t.cursor),this.listener.joined()}#n(e,t){let{code:n,isPassing:r}=t;r||n===`too_many_sessions`&&this.#e?this.listener.retry(n):n===`invalid_request`&&e.cursor?(this.sessions.move(e,void 0),this.join(e)):this.listener.refused(e,t)}},Ze=class{#e=new Map;#t=0;constructor(e,t){this.storage=e,this.prefix=t}put(e,t){let n=this.#e.get(e)??(this.#t=Math.max(this.#t+1,Date.now()));this.#e.set(e,n),this.#n(r=>r.setItem(this.prefix+e,JSON.stringify({...t,order:n})))}remove(e){this.#e.delete(e),this.#n(t=>t.removeItem(this.prefix+e))}all(e){return(this.#n(e=>Array.from({length:e.length},(t,n)=>e.key(n)??``).filter(e=>e.startsWith(this.prefix)).map(t=>$e(e.getItem(t)??``)))??[]).filter(t=>e(t)).sort((e,t)=>e.order-t.order)}#n(e){try{return this.storage?e(this.storage):void 0}catch{return}}};function Qe(){try{return globalThis.sessionStorage??null}catch{return null}}function $e(e){try{return JSON.parse(e)}catch{return}}function V(e,...t){return typeof e==`object`&&!!e&&t.every(t=>typeof Reflect.get(e,t)==`string`)}var et={retryMs:1e3,retryMostMs:3e4,connectMs:1e4,requestMs:1e4,stableMs:5e3,quietMs:25e3,answerMs:5e3,busyMs:15e3,debounceMs:500};function tt(e){let{WebSocket:t=globalThis.WebSocket}=e;if(!t)throw TypeError("There is no WebSocket: give one, such as that of `ws`, as the option `WebSocket`");return{history:`unseen`,storage:Qe(),maxMessageChars:Re.messageChars,maxQueued:100,pace:We,...e,WebSocket:t,timing:{...et,...e.timing}}}var nt=class{#e=new Map;constructor(e){this.store=e;for(let{message:t}of e.all(rt))this.add(t)}get all(){return[...this.#e.values()]}add(e){this.#e.set(e.client_message_id,e),this.store.put(e.client_message_id,{message:e})}take({client_message_id:e}){return this.store.remove(e),this.#e.delete(e)}takeAllOf(e){return this.all.filter(t=>t.session_id===e&&this.take(t))}};function rt(e){let{message:t}=Object(e);return V(t,`client_message_id`,`session_id`,`visitor_id`,`message`)}var it=class{#e=[];get isEmpty(){return!this.#e.length}add(e){this.#e.push(e)}receive(e){if(e.type===`error`){e.metadata.cursor||this.#e.shift()?.refused?.(Fe(e));return}if(e.type===`connected`&&!e.session_id)return;let t=this.#e.findIndex(({answer:t})=>t===e.type);for(let n of this.#e.splice(0,t+1))n.done?.(e)}loseAll(){for(let e of this.#e.splice(0))e.lost?.()}};async function at(e,t,n,r){let{ok:i,status:a,body:o}=await ot(e,JSON.stringify(t),n,r),s=$e(o);if(i&&V(s,`session_id`,`visitor_id`,`cursor`))return s;throw V(s,`detail`,`code`)?new z(s.detail,s.code):new z(`The service has answered with ${a}`,`unreadable`)}async function ot(e,t,n,r){let i=new AbortController,a=()=>i.abort(),o=setTimeout(a,n);r?.addEventListener(`abort`,a),r?.aborted&&a();try{let n=await fetch(e,{method:`POST`,body:t,headers:{"Content-Type":`application/json`},signal:i.signal});return{ok:n.ok,status:n.status,body:await n.text()}}catch{throw r?.throwIfAborted(),new z(`The service ${i.signal.aborted?`gave no answer within ${n} ms`:`can't be reached`}`,`not_connected`)}finally{clearTimeout(o),r?.removeEventListener(`abort`,a)}}function st(e,t){let[n,r]=ct(e),[i,a]=ct(t);return n>i||n===i&&r>a}function ct(e){let[t,n]=e.split(`.`);return[Number(t),Number(n??0)]}var lt=class{constructor(e,t,n){this.session_id=e,this.visitor_id=t,this.cursor=n,this.isJoined=!1,this.hasEnded=!1}get isReady(){return this.isJoined||this.hasEnded}},ut=class{#e=new Map;constructor(e,t){this.store=e,this.start=t;for(let{session_id:n,visitor_id:r,cursor:i}of e.all(ft))this.follow(n,r,t??i)}get all(){return[...this.#e.values()]}get areReady(){return this.all.every(({isReady:e})=>e)}get(e){return this.#e.get(e)}follow(e,t,n=this.start){let r=this.get(e);if(r)return r;let i=new lt(e,t,n);return this.#e.set(e,i),this.#t(i),i}forget(e){this.#e.delete(e),this.store.remove(e)}leaveAll(){for(let e of this.all)e.isJoined=!1}move(e,t){e.cursor=t,this.start||this.#t(e)}takes(e){if(!e.session_id)return!0;let t=this.get(e.session_id);if(!t)return!1;let n=dt(e);return n?t.cursor&&!st(n,t.cursor)?!1:(this.move(t,n),e.complete&&(t.hasEnded=!0,this.start||this.store.remove(t.session_id)),!0):!0}#t(e){let{session_id:t,visitor_id:n,cursor:r}=e;this.get(t)===e&&this.store.put(t,{session_id:t,visitor_id:n,cursor:r})}};function dt(e){let{metadata:t}=e;return e.type===`connected`||e.type===`accepted`?void 0:t?.cursor}function ft(e){return V(e,`session_id`,`visitor_id`)}var pt=class{#e=[];#t=[];#n;constructor(e,t){this.most=e,this.left=t}push(e){if(this.#n)return;let t=this.#t.shift();t?t.give({done:!1,value:e}):this.#e.length<this.most?this.#e.push(e):this.end(new z(`The reader is more than ${this.most} frames behind`,`buffer_full`,e.session_id))}end(e){if(!this.#n){this.#n={error:e},this.left();for(let e of this.#t.splice(0))this.#r(e)}}next(){return new Promise((e,t)=>{let n=this.#e.shift();n?e({done:!1,value:n}):this.#n?this.#r({give:e,fail:t}):this.#t.push({give:e,fail:t})})}return(){return this.#e=[],this.end(),Promise.resolve({done:!0,value:void 0})}[Symbol.asyncIterator](){return this}#r({give:e,fail:t}){let n=this.#n?.error;this.#n={error:void 0},n?t(n):e({done:!0,value:void 0})}},mt=/^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/;function ht(e){return e.replace(/\p{Surrogate}/gu,`�`)}function gt(e,t){let n=ht(e);if(mt.test(n))throw new z(`message is required`,`message_required`);let r=[...n].length;if(r>t)throw new z(`message is too long: ${r} characters, at most ${t} are accepted`,`message_too_long`);return n}var _t=`0.0`,vt=`session_erased`,yt=class{#e;#t;#n=new qe;#r;#i;#a;#o=new it;#s;#c;#l;#u=`idle`;#d;#f;#p;#m;#h=null;#g=null;#_=null;constructor(e,t={}){this.#e=Ae(e),this.#t=tt(t);let{storage:n,history:r,timing:i,pace:a}=this.#t,o=`verbatim-chat ${this.#e.socket} `;this.#r=new ut(new Ze(n,`${o}session `),r===`all`?_t:void 0),this.#i=new nt(new Ze(n,`${o}message `));for(let{session_id:e,visitor_id:t}of this.#i.all)this.#r.follow(e,t);let s=(e,t)=>this.#w(e,t);this.#s=new Ie(s),this.#c=new Xe(this.#r,s,{joined:()=>this.#O(),refused:({session_id:e},t)=>{this.#E(e,t),this.#O()},retry:e=>this.#d?.retry(e)});let c={isReady:e=>this.state===`open`&&!!this.#r.get(e)?.isReady,send:s,undelivered:(e,t)=>this.#D(e,t)};this.#a=new Ke(this.#i,c,a,new je(i.retryMs,i.retryMostMs)),this.#l=new Je(i.quietMs,()=>this.#o.isEmpty?i.answerMs:i.busyMs,()=>s({type:`ping`},{answer:`pong`}),()=>this.#d?.retry(`no answer`)),this.#n.on(`chunk`,e=>this.#h?.(Me(e))),this.#n.on(`complete`,e=>this.#h?.(Ne(e))),this.#n.on(`problem`,e=>this.#g?.(e)),this.#n.on(`disconnect`,()=>this.#_?.())}connect(){if(this.#d)return;this.#f=void 0,this.#p=void 0,this.#T(`connecting`);let{timing:e,WebSocket:t}=this.#t,n={opened:()=>this.#k(),received:e=>this.#A(e),lost:e=>this.#j(e),failed:()=>this.#n.emit(`problem`,new z(`The connection has failed`,`not_connected`)),woken:()=>this.#l.probe()};this.#d=new Ue(this.#e.socket,n,e,t)}sendMessage(e,t,n){try{return this.#S(()=>this.#v({type:`chat_message`,message:gt(e,this.#t.maxMessageChars),session_id:B(`session_id`,t),visitor_id:B(`visitor_id`,n),client_message_id:Ye()}))}catch(e){if(e instanceof z)return null;throw e}}setOnMessage(e){this.#h=e}setOnError(e){this.#g=e}setOnClose(e){this.#_=e}close(){this.#M(`closed`,new z(`The chat was closed`,`closed`))}get state(){return this.#u}get failure(){return this.#f}get outbox(){return this.#i.all}get sessions(){return this.#r.all}on(e,t){return this.#n.on(e,t)}async createSession(e={},t){let n=await at(this.#e.sessions,e,this.#t.timing.requestMs,t);for(let{session_id:e,hasEnded:t}of this.#r.all){let n=this.#i.all.some(t=>t.session_id===e);t&&!n&&this.forget(e)}return this.follow(n.session_id,n.visitor_id,n.cursor),n}follow(e,t,n){let[r,i]=[B(`session_id`,e),B(`visitor_id`,t)],a=this.#r.get(r)!==void 0,o=this.#r.follow(r,i,n);this.state!==`open`&&this.state!==`resuming`||a||this.#c.join(o)}forget(e){let t=B(`session_id`,e);this.#i.takeAllOf(t),this.#r.forget(t),this.#c.forgotten(),this.state===`resuming`&&this.#O()}stop(e){return this.#b(()=>({type:`stop`,...this.#C(e)}))}feedback(e,t,n=``,r){return this.#b(()=>{let i=this.#C(r),a=B(`response_id`,e),o={type:`feedback`,...i,response_id:a,rating:t,comment:ht(n)};return this.#a.spend(o.session_id),o})}frames(e=1e3){let t=new pt(e,()=>r.forEach(e=>e())),n=()=>{(this.state===`closed`||this.state===`failed`)&&t.end(this.#f)},r=[this.on(`frame`,e=>e.type===`pong`||t.push(e)),this.on(`state`,n)];return n(),t}[Symbol.asyncIterator](){return this.frames()}reconnect(){this.#d?.retry(`reconnect`)}#v(e){if(this.#f)throw this.#f;let t=this.#y(e);if(t)return t;let{session_id:n,visitor_id:r,client_message_id:i}=e;if(this.#i.all.length>=this.#t.maxQueued)throw new z(`Too many messages wait to be sent`,`outbox_full`,n);return this.#i.add(e),this.#m={message:e,at:Date.now()},this.follow(n,r),this.#a.next(),i}#y({message:e,session_id:t}){let n=this.#m;if(!(!n||Date.now()-n.at>=this.#t.timing.debounceMs))return n.message.message===e&&n.message.session_id===t?n.message.client_message_id:void 0}#b(e){let t=this.#x(e);return t.catch(()=>void 0),t}async#x(e){let t=this.#s.add(this.#S(e));this.#f?this.#s.rejectAll(this.#f):this.state===`open`&&this.#s.sendAll(),await t}#S(e){try{return e()}catch(e){throw e instanceof z&&this.#n.emit(`problem`,e),e}}#C(e){let t=e?this.#r.get(B(`session_id`,e)):this.#r.all.at(-1);if(!t)throw new z(`No such session is followed`,`session_not_found`,e);return{session_id:t.session_id,visitor_id:t.visitor_id}}#w(e,t){if(!this.#d)return t.lost?.();this.#o.add(t),this.#d.send(e)}#T(e){let t=this.#u;this.#u=e,e!==t&&this.#n.emit(`state`,{state:e,previous:t})}#E(e,t){let n=this.#i.takeAllOf(e);this.#r.forget(e),this.#n.emit(`refused`,{session_id:e,error:t});for(let e of n)this.#D(e,t)}#D(e,t){this.#m=void 0,this.#n.emit(`undelivered`,{message:e,error:t})}#O(){if(this.#d){if(this.state!==`open`){if(!this.#r.areReady)return;this.#T(`open`)}this.#s.sendAll(),this.#a.next()}}#k(){this.#p=void 0,this.#l.heard(),this.#r.areReady||this.#T(`resuming`),this.#c.joinAll(),this.#O()}#A(e){this.#l.heard();let t=bt(e);if(!t){this.#n.emit(`problem`,new z(`What was received is no frame`,`unreadable`));return}t.type===`error`&&(this.#p=Fe(t));let n=this.#r.takes(t);this.#o.receive(t),n&&(this.#n.emit(t.type,t),this.#n.emit(`frame`,t),t.type===`error`&&this.#n.emit(`problem`,Fe(t)))}#j({code:e,reason:t,isFinal:n}){let[r,i]=[this.#d,this.#p];if(this.#l.stop(),this.#r.leaveAll(),this.#o.loseAll(),this.#n.emit(`disconnect`,{code:e,reason:t}),r&&this.#d===r){if(n){let n=new z(t||`Closed by the service: ${e}`,t||`error`),r=i?.code===t?i:n;if(r.code===vt)for(let{session_id:e}of this.#r.all)this.#E(e,r);this.#M(`failed`,r)}else this.#T(`offline`)}}#M(e,t){let n=this.#d;this.#d=void 0,this.#f=e===`failed`?t:void 0,n?.close(),this.#T(e),this.#s.rejectAll(t)}};function bt(e){let t=$e(e);return V(t,`type`)?t:void 0}var xt=1e3,St=3e4,Ct=[`not_connected`,`unavailable`,`rate_limited`,`internal_error`];async function wt(e,t,n){for(let r=xt;;r=Math.min(St,r*2)){try{return await e()}catch(e){if(!(e instanceof z)||!Ct.includes(e.code))throw e;t()}await Tt(Math.random()*r,n)}}function Tt(e,t){return new Promise((n,r)=>{let i=new AbortController,a=e=>()=>{i.abort(),clearTimeout(o),e()},o=setTimeout(a(n),e),s={signal:i.signal};addEventListener(`online`,a(n),s),t.addEventListener(`abort`,a(()=>r(t.reason)),s)})}var Et={entries:[],outgoing:[],suggestions:[]},Dt=[`session_not_found`,`session_not_active`,`session_expired`,`session_erased`,`visitor_mismatch`];function Ot(e,t){switch(t.type){case`frame`:return Mt(e,t.frame,t.at);case`queued`:return e.outgoing.some(({key:e})=>e===t.key)?e:{...Ht(e),outgoing:[...e.outgoing,{key:t.key,text:t.text}],suggestions:[]};case`undelivered`:return zt(e,t.key,t.failure);case`withdrawn`:return{...e,outgoing:Ut(e.outgoing,t.key)};case`refused`:return jt(e)?e:H(e,t.failure);case`rated`:return Bt(e,t.key,t.rating);case`problem`:return Vt(e,t.failure)?e:{...e,alarm:{...t.failure,isShown:!1}};case`dismissed`:return{...Ht(e),dismissed:e.alarm?.code}}}function kt(e){return e.entries.findLast(e=>e.kind===`reply`&&e.outcome===`open`)}function At(e){return!e.end&&e.entries.at(-1)?.kind===`said`&&!kt(e)}function jt({entries:e,outgoing:t}){return!e.length&&!t.length}function Mt(e,t,n){switch(t.type){case`message`:return Nt(e,t);case`chunk`:return Pt(e,t.message_id,e=>({...e,text:e.text+t.chunk}));case`complete`:return Ft(e,t,n);case`idle_warning`:{let r=Rt(e,`idle_warning`,t.message,n);return n===void 0?r:{...r,news:t.message}}case`session_end`:return It(e,t,n);case`error`:return Lt(e,t,n);default:return e}}function Nt(e,{message_id:t,message:n,metadata:r}){let i=r.client_message_id??t,a={kind:`said`,key:i,messageId:t,text:n},o=Ut(e.outgoing,i);return{...Ht(e),entries:[...e.entries,a],outgoing:o,suggestions:[]}}function Pt(e,t,n){let r=kt(e);if(r?.messageId===t)return{...e,entries:Wt(e.entries,r,n(r))};let i={kind:`reply`,key:`reply ${e.entries.length}`,messageId:t,text:``,outcome:`open`};return{...e,entries:[...e.entries,n(i)]}}function Ft(e,t,n){let{message_id:r,response_id:i,suggestions:a=[],metadata:o}=t,s=o.finish_reason===`stop`?`whole`:o.finish_reason,c={...Pt(e,r,e=>({...e,text:t.message??e.text,outcome:s,responseId:i})),suggestions:a},l=n===void 0||!t.message?c:{...c,news:t.message};return t.complete?H(l,{code:`completed`,text:``}):l}function It(e,{message:t=``,metadata:n},r){let i=H(t?Rt(e,`session_end`,t,r):e,{code:n.reason,text:t});return r===void 0?i:{...i,news:t}}function Lt(e,{message_id:t,response_id:n,error:r,metadata:i},a){if(!i.cursor||!t)return e;let o=i.code===`reply_interrupted`?`interrupted`:`failed`,s=Pt(e,t,e=>({...e,outcome:o,...n&&{responseId:n}}));return a===void 0?s:{...s,alarm:{code:i.code,text:r,isShown:!0}}}function Rt(e,t,n,r){let i={kind:`notice`,key:`notice ${e.entries.length}`,about:t,text:n,...r!==void 0&&{at:r}};return{...e,entries:[...e.entries,i]}}function zt(e,t,n){let r=e.outgoing.map(e=>e.key===t?{...e,failure:n}:e),i={...e,outgoing:r,alarm:{...n,isShown:!0}};return Dt.includes(n.code)?H(i,n):i}function Bt(e,t,n){let r=e.entries.find(e=>e.key===t);return r?.kind===`reply`?{...e,entries:Wt(e.entries,r,{...r,rating:n})}:e}function Vt({outgoing:e,end:t,dismissed:n},{code:r}){return t?.code===r||n===r||e.some(({failure:e})=>e?.code===r)}function H(e,t){return e.end?e:{...e,end:t,suggestions:[]}}function Ht(e){return{...e,news:void 0,alarm:void 0,dismissed:void 0}}function Ut(e,t){return e.some(e=>e.key===t)?e.filter(e=>e.key!==t):e}function Wt(e,t,n){return e.with(e.lastIndexOf(t),n)}var Gt=30,Kt=class{#e=Et;#t;#n;#r;#i;#a=!1;#o=!1;#s;#c=0;constructor(e,t,n){this.service=e,this.listener=t,this.client=new yt(e.socket,{history:`all`,maxMessageChars:1/0}),n&&this.client.follow(n.session_id,n.visitor_id),this.#t=n??this.client.sessions.at(-1),this.#e=this.client.outbox.filter(e=>this.#v(e)).map(qt).reduce(Ot,Et),this.#m()}get thread(){return this.#e}get hasSession(){return this.#t!==void 0}get state(){return this.#o?`offline`:this.client.state}get failure(){return this.client.failure&&U(this.client.failure)}async resume(){this.#a=!0;let e=this.#t;e&&(this.listener.joined(e.session_id),this.#i??=await this.service.cursorOf(e.session_id,e.visitor_id),this.#_(e)&&this.client.connect())}leave(){this.#a=!1,this.client.close()}async send(e){let t=`draft ${++this.#c}`;this.#x({type:`queued`,key:t,text:e});try{let n=this.#t??await this.#u();if(!this.#v(n))return;this.#l(e,n),this.#x({type:`withdrawn`,key:t})}catch(e){e instanceof DOMException||this.#x({type:`undelivered`,key:t,failure:U(e)})}}retry(e){let t=this.#e.outgoing.find(t=>t.key===e);t&&(this.#x({type:`withdrawn`,key:e}),this.#e.end&&this.startAgain(),this.send(t.text))}stop(){this.client.stop(this.#t?.session_id).catch(()=>void 0)}async rate(e,t){let n=this.#e.entries.find(t=>t.key===e);if(n?.kind===`reply`&&n.responseId&&n.rating!==t){this.#x({type:`rated`,key:e,rating:t});try{await this.client.feedback(n.responseId,t,``,this.#t?.session_id)}catch{this.#x({type:`rated`,key:e,rating:n.rating})}}}startAgain(){let e=this.#t;this.#r=e?.visitor_id,this.#n?.abort.abort(),this.#t=this.#i=void 0,this.#f(),e&&this.client.forget(e.session_id),this.#S(Et)}dismiss(){this.#x({type:`dismissed`})}#l(e,{session_id:t,visitor_id:n}){let r=[],i=this.client.on(`problem`,e=>r.push(e)),a=this.client.sendMessage(e,t,n);if(i(),a===null)throw r[0]??new z(`The message wasn't taken`,`error`);let o=this.client.outbox.find(e=>e.client_message_id===a);o&&this.#x(qt(o))}async#u(){let e=this.#n??=this.#d();try{let t=await e.session;return this.#n===e?this.#p(t):this.#v(t)||this.client.forget(t.session_id),t}finally{this.#n===e&&this.#f()}}#d(){let e=new AbortController,t=this.#r?{visitor_id:this.#r}:{};return{session:wt(()=>this.client.createSession(t,e.signal),()=>{this.#o=!0,this.listener.changed()},e.signal),abort:e}}#f(){this.#n=void 0,this.#o=!1}#p(e){this.#t=e,this.#f(),this.#a&&this.client.connect(),this.listener.joined(e.session_id)}#m(){this.client.on(`undelivered`,({message:e,error:t})=>{this.#x({type:`undelivered`,key:e.client_message_id,failure:U(t)})}),this.client.on(`refused`,({session_id:e,error:t})=>this.#g(e,t)),this.client.on(`frame`,e=>this.#h(e)),this.client.on(`problem`,e=>{e.messageId||this.#x({type:`problem`,failure:U(e)})}),this.client.on(`state`,e=>{this.listener.stateChanged(e),this.listener.changed()})}#h(e){let t=this.#y(e);this.listener.framed(e,t),this.#v(e)&&(t?this.#b(e):this.#x({type:`frame`,frame:e,at:Date.now()}))}#g(e,t){this.#v({session_id:e})&&(this.#t=void 0,this.#x({type:`refused`,failure:U(t)}))}#_(e){return this.#a&&this.#t===e}#v({session_id:e}){return e!==void 0&&e===this.#t?.session_id}#y(e){let{cursor:t}=e.metadata??{};return t!==void 0&&this.#i!==void 0&&Jt(t)<=Jt(this.#i)}#b(e){this.#e=Ot(this.#e,{type:`frame`,frame:e}),clearTimeout(this.#s),this.#s=setTimeout(()=>this.listener.changed(),Gt)}#x(e){this.#S(Ot(this.#e,e))}#S(e){e!==this.#e&&(this.#e=e,this.listener.changed())}};function qt({client_message_id:e,message:t}){return{type:`queued`,key:e,text:t}}function Jt(e){return Number.parseInt(e,10)}function U(e){if(e instanceof z)return{code:e.code,text:e.message};throw e}function Yt(e,t){return t-[...e.trim()].length}function Xt(e,t){return e<t/10}function Zt(e){let{key:t,shiftKey:n,isComposing:r}=e;return t===`Enter`&&!n&&!r&&e.keyCode!==229}function Qt(e,t){return e.trim()!==``&&Yt(e,t)>=0}function $t(e){return!!e&&(!e.isConnected||!e.getClientRects().length||e.matches(`:disabled`))}function en(){return matchMedia(`(pointer: coarse)`).matches}var tn=48,nn=class{#e=!0;#t=0;get isAtEnd(){return this.#e}scrolled(e){let t=e.scrollTop<this.#t;e.scrollHeight-e.scrollTop-e.clientHeight<=tn?this.#e=!0:t&&(this.#e=!1),this.#t=e.scrollTop}settle(e){this.#e&&(e.scrollTop=e.scrollHeight,this.#t=e.scrollTop)}stay(){this.#e=!1}toEnd(e){this.#e=!0,this.settle(e)}};async function rn(e,t,n){let r=t?.getBoundingClientRect().top??0;await n(),t&&(e.scrollTop+=t.getBoundingClientRect().top-r)}var an=4e3,on={name:``,role:``,greeting:``,suggestions:[],avatar:``,maxMessageChars:an},sn=class{#e;constructor(e,t=document.baseURI){let n=new URL(e,t);this.#e=n.origin+n.pathname.replace(/\/*$/,`/`)}get socket(){return`${this.#e.replace(/^http/,`ws`)}ws/chat/`}async persona(){let e=await this.#t(`api/chats/persona/`);return e?this.#n(e):on}async cursorOf(e,t){let n=`api/chats/sessions/${encodeURIComponent(e)}/`;return(await this.#t(n,{"X-Visitor-Id":t}))?.cursor}async#t(e,t={}){try{let n=await fetch(this.#e+e,{headers:t,credentials:`omit`}),r=n.ok?await n.json():void 0;return typeof r==`object`&&r?r:void 0}catch{return}}#n(e){let{name:t,role:n,greeting:r,suggestions:i,avatar:a,max_message_chars:o}=e,s=e=>typeof e==`string`?e:``;return{name:s(t),role:s(n),greeting:s(r),suggestions:Array.isArray(i)?i.filter(e=>typeof e==`string`):[],avatar:s(a)&&this.#r(s(a)),maxMessageChars:typeof o==`number`&&o>0?o:an}}#r(e){let t=new URL(e.replace(/^\//,``),this.#e);return t.origin===new URL(this.#e).origin?t.href:``}},cn=o`
  color-scheme: light;
  --_accent: var(--verbatim-accent, #0f766e);
  --_on-accent: var(--verbatim-on-accent, #fff);
  --_link: var(--verbatim-link, #0f766e);
  --_surface: var(--verbatim-surface, #fff);
  --_tint: var(--verbatim-tint, #f1f4f4);
  --_text: var(--verbatim-text, #18211f);
  --_muted: var(--verbatim-muted, #5b6765);
  --_line: var(--verbatim-line, #dde4e3);
  --_danger: var(--verbatim-danger, #b42318);
  --_warm: var(--verbatim-warm, #fdf5e3);
  --_shadow: var(--verbatim-shadow, 0 12px 40px rgb(10 30 28 / 18%), 0 2px 8px rgb(10 30 28 / 10%));
`,ln=o`
  color-scheme: dark;
  --_accent: var(--verbatim-accent, #0f766e);
  --_on-accent: var(--verbatim-on-accent, #fff);
  --_link: var(--verbatim-link, #5eead4);
  --_surface: var(--verbatim-surface, #151b1b);
  --_tint: var(--verbatim-tint, #232b2b);
  --_text: var(--verbatim-text, #e8eeed);
  --_muted: var(--verbatim-muted, #9dabaa);
  --_line: var(--verbatim-line, #323d3c);
  --_danger: var(--verbatim-danger, #ff9d92);
  --_warm: var(--verbatim-warm, #332b18);
  --_shadow: var(--verbatim-shadow, 0 12px 40px rgb(0 0 0 / 55%), 0 0 0 1px rgb(255 255 255 / 8%));
`,un=[o`
  :host {
    all: initial;
    display: block;
    ${cn}
    --_radius: var(--verbatim-radius, 18px);
    font: 400 var(--verbatim-font-size, 16px) / 1.5
      var(--verbatim-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif);
    color: var(--_text);
    -webkit-text-size-adjust: 100%;
  }
  :host([hidden]) {
    display: none;
  }
  @media (prefers-color-scheme: dark) {
    :host(:not([theme="light"])) {
      ${ln}
    }
  }
  :host([theme="dark"]) {
    ${ln}
  }
  *,
  *::after {
    box-sizing: border-box;
  }
  [hidden] {
    display: none !important;
  }
  .chat.inline {
    block-size: var(--verbatim-height, 36rem);
    max-block-size: 100dvh;
  }
  .panel {
    display: flex;
    flex-direction: column;
    block-size: 100%;
    overflow: hidden;
    position: relative;
    background: var(--_surface);
    border: 1px solid var(--_line);
    border-radius: var(--_radius);
    outline: 0;
  }
  .launched .panel {
    position: fixed;
    z-index: var(--verbatim-z-index, 2147483000);
    inset-block-end: calc(var(--verbatim-offset, 20px) + 68px);
    inset-inline-end: var(--verbatim-offset, 20px);
    inline-size: min(var(--verbatim-width, 400px), calc(100vw - 2 * var(--verbatim-offset, 20px)));
    block-size: min(var(--verbatim-height, 680px), calc(100dvh - var(--verbatim-offset, 20px) * 2 - 68px));
    border: 0;
    box-shadow: var(--_shadow);
    animation: rise 0.2s ease-out;
  }
  .launcher {
    position: fixed;
    z-index: var(--verbatim-z-index, 2147483000);
    inset-block-end: calc(var(--verbatim-offset, 20px) + env(safe-area-inset-bottom, 0px));
    inset-inline-end: var(--verbatim-offset, 20px);
    inline-size: 56px;
    block-size: 56px;
    border-radius: 50%;
    background: var(--_accent);
    color: var(--_on-accent);
    box-shadow: var(--_shadow);
    transition: transform 0.15s ease-out;
  }
  .launcher:hover {
    transform: scale(1.05);
  }
  .launcher .icon {
    inline-size: 26px;
    block-size: 26px;
  }
  .badge {
    position: absolute;
    inset-block-start: -4px;
    inset-inline-end: -4px;
    min-inline-size: 22px;
    padding-inline: 6px;
    border-radius: 11px;
    border: 2px solid var(--_surface);
    background: #b42318;
    color: #fff;
    font-size: 12px;
    line-height: 18px;
    font-weight: 600;
  }
  header {
    display: flex;
    align-items: center;
    gap: 12px;
    padding: 14px 16px;
    border-block-end: 1px solid var(--_line);
  }
  .avatar {
    flex: none;
    display: grid;
    place-items: center;
    inline-size: 38px;
    block-size: 38px;
    border-radius: 50%;
    overflow: hidden;
    background: var(--_accent);
    color: var(--_on-accent);
    font-weight: 600;
    font-size: 17px;
  }
  .avatar img {
    inline-size: 100%;
    block-size: 100%;
    object-fit: cover;
  }
  .titles {
    flex: 1;
    min-inline-size: 0;
  }
  h2,
  .titles p {
    margin: 0;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  h2 {
    font-size: 16px;
    font-weight: 650;
    line-height: 1.3;
  }
  .titles p {
    color: var(--_muted);
    font-size: 13px;
    line-height: 1.35;
  }
  .alarm {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: 8px;
    padding-block: 4px;
    padding-inline: 16px 8px;
    border-block-start: 1px solid var(--_line);
    background: var(--_warm);
    font-size: 13px;
  }
  .alarm [role="alert"],
  .failure,
  .connection.failed {
    color: var(--_danger);
  }
  .icon {
    fill: none;
    stroke: currentColor;
    stroke-width: 2;
    stroke-linecap: round;
    stroke-linejoin: round;
    flex: none;
  }
  .icon .filled {
    fill: currentColor;
  }
  .spoken {
    position: absolute;
    inline-size: 1px;
    block-size: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
    user-select: none;
  }
`,o`
  button {
    font: inherit;
    color: inherit;
    margin: 0;
    padding: 0;
    border: 0;
    background: none;
    cursor: pointer;
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 6px;
    min-block-size: 32px;
    min-inline-size: 32px;
    touch-action: manipulation;
    -webkit-tap-highlight-color: transparent;
  }
  :focus-visible {
    outline: 2px solid var(--_link);
    outline-offset: 2px;
  }
  .tool {
    border-radius: 8px;
    color: var(--_muted);
  }
  .tool:hover {
    background: var(--_tint);
    color: var(--_text);
  }
  .tool .icon {
    inline-size: 16px;
    block-size: 16px;
  }
  .tool[aria-pressed="true"] {
    color: var(--_link);
  }
  .tool[aria-pressed="true"] .icon {
    fill: color-mix(in srgb, currentColor 25%, transparent);
  }
  .close .icon {
    inline-size: 20px;
    block-size: 20px;
  }
  .quiet {
    padding-inline: 10px;
    border-radius: 16px;
    font-size: 13px;
    font-weight: 600;
    color: var(--_link);
  }
  .quiet:hover {
    background: var(--_tint);
  }
  .quiet .icon {
    inline-size: 14px;
    block-size: 14px;
  }
  .primary {
    padding: 8px 18px;
    border-radius: 20px;
    background: var(--_accent);
    color: var(--_on-accent);
    font-size: 15px;
    font-weight: 600;
  }
  .chip {
    padding: 7px 14px;
    border: 1px solid var(--_line);
    border-radius: 18px;
    background: var(--_surface);
    color: var(--_link);
    font-size: 14px;
    line-height: 1.35;
    text-align: start;
    overflow-wrap: anywhere;
  }
  .chip:hover {
    border-color: currentColor;
    background: var(--_tint);
  }
`,o`
  .stage {
    flex: 1;
    min-block-size: 0;
    position: relative;
    display: flex;
  }
  .log {
    flex: 1;
    min-inline-size: 0;
    overflow-y: auto;
    overscroll-behavior: contain;
    scrollbar-width: thin;
    outline-offset: -2px;
  }
  .content {
    display: flex;
    flex-direction: column;
    gap: 10px;
    min-block-size: 100%;
    padding: 16px;
  }
  .log[aria-busy="true"] .content {
    padding-block-end: 60px; /* the button to stop it stands here */
  }
  .entry {
    display: flex;
    flex-direction: column;
    align-items: flex-start;
    content-visibility: auto;
    contain-intrinsic-size: auto 64px;
  }
  .visitor {
    align-items: flex-end;
  }
  .bubble {
    max-inline-size: min(88%, 36rem);
    padding: 9px 14px;
    border-radius: var(--_radius);
    font-size: 15px;
    line-height: 1.5;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }
  .visitor .bubble {
    background: var(--_accent);
    color: var(--_on-accent);
    border-end-end-radius: 5px;
  }
  .assistant .bubble {
    background: var(--_tint);
    border-end-start-radius: 5px;
  }
  .notice .bubble {
    background: var(--_warm);
    border-end-start-radius: 5px;
  }
  .failed.outgoing .bubble {
    background: none;
    color: var(--_text);
    box-shadow: inset 0 0 0 1px var(--_danger);
  }
  .interrupted .bubble,
  .assistant.failed .bubble {
    box-shadow: inset 0 0 0 1px var(--_line);
    background: none;
  }
  .note {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 2px 6px;
    padding: 3px 6px 0;
    color: var(--_muted);
    font-size: 13px;
    line-height: 1.4;
  }
  .note.failure {
    justify-content: flex-end;
    color: var(--_danger);
    text-align: end;
  }
  .patient {
    animation: appear 0.2s 1s both;
  }
  .open.bubble::after {
    content: "";
    display: inline-block;
    inline-size: 2px;
    block-size: 1.1em;
    margin-inline-start: 2px;
    vertical-align: text-bottom;
    border-radius: 1px;
    background: var(--_link);
    animation: blink 1s steps(2, jump-none) infinite;
  }
  .typing {
    display: flex;
    gap: 5px;
    align-items: center;
    min-block-size: 40px;
  }
  .typing i {
    inline-size: 7px;
    block-size: 7px;
    border-radius: 50%;
    background: var(--_muted);
    animation: breathe 1.2s infinite ease-in-out;
  }
  .typing i:nth-of-type(2) {
    animation-delay: 0.15s;
  }
  .typing i:nth-of-type(3) {
    animation-delay: 0.3s;
  }
  .tools {
    display: flex;
    gap: 2px;
    margin: 4px; /* an entry clips what it draws, also the ring of the focus */
  }
  .suggestions {
    display: flex;
    flex-wrap: wrap;
    gap: 8px;
    padding-block-start: 2px;
  }
  .ending {
    display: flex;
    flex-direction: column;
    align-items: center;
    gap: 12px;
    margin-block-start: 6px;
    padding-block: 16px 8px;
    border-block-start: 1px solid var(--_line);
    color: var(--_muted);
    font-size: 14px;
    text-align: center;
  }
  .earlier {
    align-self: center;
  }
  .floating {
    position: absolute;
    inset-block-end: 10px;
    inset-inline: 0;
    display: flex;
    justify-content: center;
    gap: 8px;
    pointer-events: none;
  }
  .floating.top {
    inset-block: 10px auto;
  }
  .connection {
    display: flex;
    align-items: center;
    gap: 6px;
    margin-inline: 16px;
    padding: 5px 14px;
    border: 1px solid var(--_line);
    border-radius: 17px;
    background: var(--_warm);
    font-size: 13px;
    line-height: 1.4;
    box-shadow: 0 2px 10px rgb(0 0 0 / 12%);
    pointer-events: auto;
  }
  .connection.connecting {
    animation: appear 0.2s 1s both;
  }
  .floating:not(.top) button {
    pointer-events: auto;
    min-block-size: 34px;
    padding-inline: 12px;
    border: 1px solid var(--_line);
    border-radius: 17px;
    background: var(--_surface);
    color: var(--_text);
    font-size: 13px;
    box-shadow: 0 2px 10px rgb(0 0 0 / 12%);
  }
  .floating:not(.top) .icon {
    inline-size: 16px;
    block-size: 16px;
  }
  .markdown {
    white-space: normal;
  }
  .markdown > :first-child {
    margin-block-start: 0;
  }
  .markdown > :last-child {
    margin-block-end: 0;
  }
  .markdown :is(p, ul, ol, blockquote, pre, table) {
    margin-block: 0.6em;
    margin-inline: 0;
  }
  .markdown :is(ul, ol) {
    padding-inline-start: 1.4em;
  }
  .markdown li > :is(ul, ol) {
    margin-block: 0.2em;
  }
  .markdown a {
    color: var(--_link);
  }
  .markdown :is(code, pre) {
    font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace;
    background: color-mix(in srgb, var(--_text) 8%, transparent);
    border-radius: 5px;
  }
  .markdown code {
    padding: 1px 4px;
  }
  .markdown :is(pre, table) {
    max-inline-size: 100%;
    overflow-x: auto;
  }
  .markdown pre {
    padding: 10px 12px;
    border-radius: 9px;
    direction: ltr;
    text-align: left;
  }
  .markdown pre code {
    padding: 0;
    background: none;
    overflow-wrap: normal;
  }
  .markdown table {
    display: block;
    border-collapse: collapse;
    font-size: 14px;
  }
  .markdown :is(th, td) {
    padding: 4px 10px;
    border: 1px solid var(--_line);
    text-align: start;
  }
  .markdown blockquote {
    padding-inline-start: 12px;
    border-inline-start: 3px solid var(--_line);
    color: var(--_muted);
  }
`,o`
  form {
    display: flex;
    align-items: flex-end;
    gap: 8px;
    margin: 0;
    padding: 10px 12px 12px;
    padding-block-end: max(12px, env(safe-area-inset-bottom, 0px));
    border-block-start: 1px solid var(--_line);
  }
  .field {
    flex: 1;
    min-inline-size: 0;
    display: grid;
    border: 1px solid var(--_line);
    border-radius: 20px;
    background: var(--_tint);
  }
  .field:focus-within {
    border-color: var(--_link);
    box-shadow: 0 0 0 1px var(--_link);
  }
  /* The text stands behind its own field once more, and gives it its height. */
  .field::after,
  textarea {
    grid-area: 1 / 1;
    min-inline-size: 0;
    min-block-size: 40px;
    max-block-size: 140px;
    margin: 0;
    padding: 8px 14px;
    border: 0;
    font: inherit;
    font-size: 16px; /* with less, iOS zooms in */
    line-height: 24px;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }
  .field::after {
    content: attr(data-text) " ";
    visibility: hidden;
    overflow: hidden;
  }
  textarea {
    resize: none;
    overflow-y: auto;
    background: none;
    color: var(--_text);
    outline: 0;
    scrollbar-width: thin;
    unicode-bidi: plaintext;
    text-align: start;
  }
  textarea:focus-visible {
    outline: 0; /* its field is marked */
  }
  textarea::placeholder {
    color: var(--_muted);
    opacity: 1;
  }
  .field:has(:disabled) {
    opacity: 0.6;
  }
  .send {
    flex: none;
    inline-size: 42px;
    block-size: 42px;
    border-radius: 50%;
    background: var(--_accent);
    color: var(--_on-accent);
  }
  .send[aria-disabled="true"] {
    background: var(--_tint);
    color: var(--_muted);
    cursor: default;
  }
  .count {
    padding: 0 20px 8px;
    margin-block-start: -6px;
    color: var(--_muted);
    font-size: 12px;
    text-align: end;
  }
  .count.over {
    color: var(--_danger);
  }
`,o`
  @keyframes rise {
    from {
      opacity: 0;
      transform: translateY(12px);
    }
  }
  @keyframes appear {
    from {
      opacity: 0;
    }
  }
  @keyframes blink {
    to {
      opacity: 0;
    }
  }
  @keyframes breathe {
    0%,
    60%,
    100% {
      opacity: 0.35;
    }
    30% {
      opacity: 1;
    }
  }
  @media (hover: hover) {
    .entry:not(:nth-last-child(1 of .entry), :focus-within, :hover) .tools:not(:has([aria-pressed="true"])) {
      opacity: 0;
    }
    .tools {
      transition: opacity 0.15s;
    }
  }
  @media (max-width: 480px), (max-height: 440px) {
    .launched .panel {
      inset: 0;
      inline-size: 100%;
      block-size: 100dvh;
      border-radius: 0;
      padding: env(safe-area-inset-top, 0px) env(safe-area-inset-right, 0px) 0 env(safe-area-inset-left, 0px);
    }
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation-duration: 0s !important;
      animation-iteration-count: 1 !important;
      transition: none !important;
    }
    .open.bubble::after,
    .typing i {
      animation: none;
    }
  }
  @media (forced-colors: active) {
    .bubble,
    .launcher,
    .send,
    .primary,
    .chip,
    .launched .panel {
      border: 1px solid;
    }
    .field:focus-within {
      outline: 2px solid;
    }
    .open.bubble::after,
    .typing i {
      background: CanvasText;
    }
  }
  @media print {
    .launcher,
    form,
    .floating,
    .tools {
      display: none;
    }
  }
`],dn={heading:`Chat`,"launcher.open":`Open the chat`,"launcher.close":`Close the chat`,"launcher.unread":`Open the chat: {count} new`,"log.label":`Conversation`,"log.earlier":`Show earlier messages`,"log.latest":`Go to the latest message`,"who.visitor":`You said:`,"who.assistant":`{name} said:`,"who.nameless":`The assistant said:`,"composer.label":`Your message`,"composer.placeholder":`Type a message`,"composer.ended":`The conversation has ended`,"composer.send":`Send`,"composer.stop":`Stop the reply`,"composer.left":`{count} characters left`,"composer.over":`{count} characters too many`,"suggestions.label":`Suggestions`,"outgoing.sending":`Sending`,"outgoing.waiting":`Will be sent when the connection is back`,"outgoing.failed":`Not sent.`,"outgoing.retry":`Try again`,"outgoing.retry_anew":`Send in a new conversation`,"reply.typing":`{name} is typing`,"reply.nameless_typing":`A reply is coming`,"reply.stopped":`Stopped`,"reply.length":`The reply is cut short here`,"reply.content_filter":`The rest of the reply was withheld`,"reply.failed":`The reply broke off. Please ask again.`,"reply.interrupted":`Interrupted. The reply starts again.`,"reply.copy":`Copy`,"reply.copied":`Copied`,"reply.up":`Good reply`,"reply.down":`Bad reply`,"notice.idle":`The conversation ends soon if nothing is said.`,"notice.at":`{time}`,"connection.connecting":`Connecting`,"connection.offline":`No connection. Trying again.`,"connection.failed":`The chat can't be used right now.`,"connection.retry":`Try again`,"end.completed":`This conversation is complete.`,"end.idle_timeout":`This conversation has ended because nothing was said for a while.`,"end.expired":`This conversation has expired.`,"end.deleted":`This conversation was ended.`,"end.anew":`Start a new conversation`,"problem.dismiss":`Dismiss`,"error.closed":`The chat was closed.`,"error.conflict":`This message was changed after it was sent. Please send it again.`,"error.error":`Something went wrong. Please try again.`,"error.internal_error":`Something went wrong on our side. Please try again.`,"error.invalid_request":`This can't be sent as it is.`,"error.message_required":`Please type a message first.`,"error.message_too_long":`This message is too long. Please shorten it.`,"error.method_not_allowed":`The chat isn't set up correctly on this page.`,"error.not_connected":`There is no connection to the chat.`,"error.not_found":`The chat isn't set up correctly on this page.`,"error.origin_not_allowed":`The chat isn't allowed on this website.`,"error.lost":`The connection was lost. Please try again.`,"error.outbox_full":`Too many messages are waiting to be sent. Please wait for the connection.`,"error.buffer_full":`Too much arrived at once. Please reload the page.`,"error.rate_limited":`That was a lot at once. It goes on in a moment.`,"error.reply_failed":`The reply broke off. Please ask again.`,"error.reply_interrupted":`The reply was interrupted and starts again.`,"error.reply_not_found":`This reply can't be rated any more.`,"error.reply_timeout":`The reply takes longer than usual.`,"error.session_erased":`This conversation was erased.`,"error.session_expired":`This conversation has expired.`,"error.session_full":`This conversation is full. Please start a new one.`,"error.session_not_active":`This conversation has ended.`,"error.session_not_found":`This conversation isn't there any more.`,"error.too_large":`This is more than can be sent at once.`,"error.too_many_sessions":`Too many conversations are open here. Please reload the page.`,"error.unauthorized":`The chat isn't set up correctly on this page.`,"error.unavailable":`The chat is busy for a moment. Your message is kept, and is sent as soon as it can be.`,"error.unreadable":`The chat has answered with something unexpected.`,"error.visitor_mismatch":`This conversation belongs to somebody else.`,"error.visitor_not_found":`There is no conversation of yours.`};function fn(e){return{...dn,...e}}function W(e,t){return e.replace(/\{(\w+)\}/g,(e,n)=>String(t[n]??e))}function G(e,{code:t,text:n}){return mn(e,`error.${t}`)??(n||e[`error.error`])}function pn(e,t){return mn(e,`end.${t.code}`)??G(e,t)}function mn(e,t){return Object.hasOwn(e,t)?e[t]:void 0}function K(e){return O`<svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">${e}</svg>`}var hn=K(k`<path d="M4 11.5a8 8 0 1 1 3.6 6.7L4 19.5l1.2-3.4A8 8 0 0 1 4 11.5Z" />`),gn=K(k`<path d="m6 6 12 12M18 6 6 18" />`),_n=K(k`<path d="M12 5v14m-6-6 6 6 6-6" />`),vn=K(k`<path d="M12 19V5m-6 6 6-6 6 6" />`),yn=K(k`<rect x="7" y="7" width="10" height="10" rx="1.5" class="filled" />`),bn=K(k`<rect x="9" y="9" width="11" height="11" rx="2.5" /><path d="M15 5.5A2.5 2.5 0 0 0 12.5 4h-6A2.5 2.5 0 0 0 4 6.5v6A2.5 2.5 0 0 0 5.5 15" />`),xn=K(k`<path d="m5 12.5 4.5 4.5L19 7.5" />`),Sn=K(k`<path d="M19 12a7 7 0 1 1-2-5l2 2m0-4.5V9h-4.5" />`),Cn=k`<path d="M7.5 11v9H4.5a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1h3Zm0 0 3.7-7.3a2.3 2.3 0 0 1 2.6 2.9L13 10h5.4a2 2 0 0 1 2 2.4l-1.2 6a2 2 0 0 1-2 1.6H7.5" />`,wn=K(Cn),Tn=K(k`<g transform="rotate(180 12 12)">${Cn}</g>`),q={ATTRIBUTE:1,CHILD:2,PROPERTY:3,BOOLEAN_ATTRIBUTE:4,EVENT:5,ELEMENT:6},J=e=>(...t)=>({_$litDirective$:e,values:t}),Y=class{constructor(e){}get _$AU(){return this._$AM._$AU}_$AT(e,t,n){this._$Ct=e,this._$AM=t,this._$Ci=n}_$AS(e,t){return this.update(e,t)}update(e,t){return this.render(...t)}},{I:En}=Ee,Dn=e=>e,On=e=>e.strings===void 0,kn=()=>document.createComment(``),X=(e,t,n)=>{let r=e._$AA.parentNode,i=t===void 0?e._$AB:t._$AA;if(n===void 0)n=new En(r.insertBefore(kn(),i),r.insertBefore(kn(),i),e,e.options);else{let t=n._$AB.nextSibling,a=n._$AM,o=a!==e;if(o){let t;n._$AQ?.(e),n._$AM=e,n._$AP!==void 0&&(t=e._$AU)!==a._$AU&&n._$AP(t)}if(t!==i||o){let e=n._$AA;for(;e!==t;){let t=Dn(e).nextSibling;Dn(r).insertBefore(e,i),e=t}}}return n},Z=(e,t,n=e)=>(e._$AI(t,n),e),An={},jn=(e,t=An)=>e._$AH=t,Mn=e=>e._$AH,Nn=e=>{e._$AR(),e._$AA.remove()},Pn=J(class extends Y{constructor(e){if(super(e),e.type!==q.PROPERTY&&e.type!==q.ATTRIBUTE&&e.type!==q.BOOLEAN_ATTRIBUTE)throw Error("The `live` directive is not allowed on child or event bindings");if(!On(e))throw Error("`live` bindings can only contain a single expression")}render(e){return e}update(e,[t]){if(t===A||t===j)return t;let n=e.element,r=e.name;if(e.type===q.PROPERTY){if(t===n[r])return A}else if(e.type===q.BOOLEAN_ATTRIBUTE){if(!!t===n.hasAttribute(r))return A}else if(e.type===q.ATTRIBUTE&&n.getAttribute(r)===t+``)return A;return jn(e),t}});function Fn({texts:e,thread:t,persona:n,draft:r,actions:i}){let a=n.maxMessageChars,o=Yt(r,a),s=Xt(o,a),c=t.end!==void 0,l=e=>{e.preventDefault(),i.submit()};return O`<form part="composer" @submit=${l}>
      <div class="field" part="field" data-text=${r}>
        <textarea part="input" rows="1" dir=${r?`auto`:j} enterkeyhint="send" aria-label=${e[`composer.label`]}
          placeholder=${e[c?`composer.ended`:`composer.placeholder`]} ?disabled=${c}
          aria-invalid=${o<0} aria-describedby=${s?`count`:j}
          .value=${Pn(r)} @input=${e=>i.typed(e.target.value)} @keydown=${e=>{Zt(e)&&l(e)}}></textarea>
      </div>
      <button type="submit" class="send" part="send" aria-label=${e[`composer.send`]} title=${e[`composer.send`]}
        aria-disabled=${c||!Qt(r,a)}>${vn}</button>
    </form>
    <div id="count" class="count ${o<0?`over`:``}" ?hidden=${!s}>
      ${W(e[o<0?`composer.over`:`composer.left`],{count:Math.abs(o)})}
    </div>`}var In={},Ln=J(class extends Y{constructor(){super(...arguments),this.ot=In}render(e,t){return t()}update(e,[t,n]){if(Array.isArray(t)){if(Array.isArray(this.ot)&&this.ot.length===t.length&&t.every((e,t)=>e===this.ot[t]))return A}else if(this.ot===t)return A;return this.ot=Array.isArray(t)?Array.from(t):t,this.render(t,n)}}),Rn=(e,t,n)=>{let r=new Map;for(let i=t;i<=n;i++)r.set(e[i],i);return r},zn=J(class extends Y{constructor(e){if(super(e),e.type!==q.CHILD)throw Error(`repeat() can only be used in text expressions`)}dt(e,t,n){let r;n===void 0?n=t:t!==void 0&&(r=t);let i=[],a=[],o=0;for(let t of e)i[o]=r?r(t,o):o,a[o]=n(t,o),o++;return{values:a,keys:i}}render(e,t,n){return this.dt(e,t,n).values}update(e,[t,n,r]){let i=Mn(e),{values:a,keys:o}=this.dt(t,n,r);if(!Array.isArray(i))return this.ut=o,a;let s=this.ut??=[],c=[],l,u,d=0,f=i.length-1,p=0,m=a.length-1;for(;d<=f&&p<=m;)if(i[d]===null)d++;else if(i[f]===null)f--;else if(s[d]===o[p])c[p]=Z(i[d],a[p]),d++,p++;else if(s[f]===o[m])c[m]=Z(i[f],a[m]),f--,m--;else if(s[d]===o[m])c[m]=Z(i[d],a[m]),X(e,c[m+1],i[d]),d++,m--;else if(s[f]===o[p])c[p]=Z(i[f],a[p]),X(e,i[d],i[f]),f--,p++;else if(l===void 0&&(l=Rn(o,p,m),u=Rn(s,d,f)),l.has(s[d])){if(l.has(s[f])){let t=u.get(o[p]),n=t===void 0?null:i[t];if(n===null){let t=X(e,i[d]);Z(t,a[p]),c[p]=t}else c[p]=Z(n,a[p]),X(e,i[d],n),i[t]=null;p++}else Nn(i[f]),f--}else Nn(i[d]),d++;for(;p<=m;){let t=X(e,c[m+1]);Z(t,a[p]),c[p++]=t}for(;d<=f;){let e=i[d++];e!==null&&Nn(e)}return this.ut=o,jn(e,c),A}});function Bn(e,t){return new Intl.DateTimeFormat(Vn(t),{hour:`numeric`,minute:`2-digit`}).format(e)}function Vn(e){try{return Intl.getCanonicalLocales(e)[0]}catch{return}}var Hn=J(class extends Y{#e=document.createTextNode(``);render(e){let t=this.#e.data;return e.startsWith(t)?this.#e.appendData(e.slice(t.length)):this.#e.data=e,this.#e}});function Un(e){let{texts:t,thread:n,from:r,actions:i,persona:a}=e,o=n.entries.slice(r),s=O`<button type="button" class="quiet earlier" part="button earlier" @click=${i.showEarlier}>
    ${t[`log.earlier`]}
  </button>`;return O`
    ${r>0?s:j} ${r===0&&a.greeting?Kn(e):j}
    ${zn(o,({key:e})=>e,t=>Wn(t,e))}
    ${At(n)?Zn(e):j}
    ${n.end?er(e):j}
    ${zn(n.outgoing,({key:e})=>e,t=>Qn(t,e))} ${$n(e)}
  `}function Wn(e,t){let{texts:n,persona:r,markdown:i,lang:a,copied:o}=t;return Ln([e,n,r,i,a,o===e.key],()=>e.kind===`said`?Gn(e,t):e.kind===`reply`?qn(e,t):Xn(e,t))}function Gn({text:e},{texts:t}){return O`<div class="entry visitor" part="entry visitor">
    <span class="spoken">${t[`who.visitor`]}</span>
    <div class="bubble" part="bubble visitor-bubble" dir="auto">${e}</div>
  </div>`}function Kn(e){let{persona:t,markdown:n}=e;return O`<div class="entry assistant" part="entry assistant">
    ${tr(e)}
    <div class="bubble" part="bubble assistant-bubble" dir="auto">${Jn(t.greeting,n)}</div>
  </div>`}function qn(e,t){let{text:n,outcome:r}=e,i=r===`open`,a=i||r===`whole`?``:t.texts[`reply.${r}`],o=O`<div class="bubble ${i?`open`:``}" part="bubble assistant-bubble" dir="auto">${i?Hn(n):Jn(n,t.markdown)}</div>`;return O`<div class="entry assistant ${r}" part="entry assistant">
    ${tr(t)} ${n||i?o:j}
    ${a?O`<div class="note" part="note">${a}</div>`:j}
    ${i||!n?j:Yn(e,t)}
  </div>`}function Jn(e,t){return t?O`<div class="markdown">${Ln([e,t],()=>t(e))}</div>`:Hn(e)}function Yn({key:e,text:t,responseId:n,rating:r},{texts:i,copied:a,actions:o}){let s=a===e,c=i[s?`reply.copied`:`reply.copy`],l=O`<button type="button" class="tool" part="tool copy" title=${c} aria-label=${c}
    @click=${()=>o.copy?.(e,t)}>${s?xn:bn}</button>`,u=t=>O`<button type="button" class="tool" part="tool ${t}"
    title=${i[`reply.${t}`]} aria-label=${i[`reply.${t}`]} aria-pressed=${r===t}
    @click=${()=>o.rate(e,t)}>${t===`up`?wn:Tn}</button>`;return O`<div class="tools" part="tools">${o.copy?l:j}${n?[u(`up`),u(`down`)]:j}</div>`}function Xn({about:e,text:t,at:n},{texts:r,lang:i}){let a=n===void 0?``:W(r[`notice.at`],{time:Bn(n,i)}),o=e===`idle_warning`?r[`notice.idle`]:``;return O`<div class="entry notice ${e}" part="entry notice">
    <div class="bubble" part="bubble notice-bubble" dir="auto">${t}</div>
    ${o||a?O`<div class="note" part="note">${[o,a].filter(Boolean).join(` · `)}</div>`:j}
  </div>`}function Zn({texts:e,persona:t}){return O`<div class="entry assistant" part="entry assistant">
    <div class="bubble typing" part="bubble typing"><span class="spoken">${t.name?W(e[`reply.typing`],{name:t.name}):e[`reply.nameless_typing`]}</span><i></i><i></i><i></i></div>
  </div>`}function Qn({key:e,text:t,failure:n},{texts:r,state:i,thread:a,actions:o}){let s=O`<div class="note patient" part="note">${r[i===`offline`||i===`failed`?`outgoing.waiting`:`outgoing.sending`]}</div>`,c=r[a.end?`outgoing.retry_anew`:`outgoing.retry`],l=n&&O`<div class="note failure" part="note failure">
    <span>${r[`outgoing.failed`]} ${G(r,n)}</span>
    <button type="button" class="quiet" part="button retry" @click=${()=>o.retry(e)}>${Sn}${c}</button>
  </div>`;return O`<div class="entry visitor outgoing ${n?`failed`:``}" part="entry visitor outgoing">
    <span class="spoken">${r[`who.visitor`]}</span>
    <div class="bubble" part="bubble visitor-bubble" dir="auto">${t}</div>
    ${l??s}
  </div>`}function $n({thread:e,persona:t,texts:n,actions:r}){let i=jt(e)?t.suggestions:e.suggestions;return!i.length||e.end?j:O`<div class="suggestions" part="suggestions" role="group" aria-label=${n[`suggestions.label`]}>
    ${i.map(e=>O`<button type="button" class="chip" part="suggestion" dir="auto"
    @click=${()=>r.suggest(e)}>${e}</button>`)}
  </div>`}function er({thread:e,texts:t,actions:n}){return O`<div class="ending" part="ending">
    <div>${e.end&&pn(t,e.end)}</div>
    <button type="button" class="primary anew" part="button anew" @click=${n.startAgain}>${t[`end.anew`]}</button>
  </div>`}function tr({texts:e,persona:t}){return O`<span class="spoken">${t.name?W(e[`who.assistant`],{name:t.name}):e[`who.nameless`]}</span>`}function nr(e){let{isInline:t,isOpen:n,heading:r,texts:i,thread:a,copied:o,actions:s}=e;return O`<section class="chat ${t?`inline`:`launched`}" aria-label=${r}>
    ${t?j:rr(e)}
    <div id="panel" class="panel" part="panel" role=${t?j:`dialog`}
      aria-labelledby=${t?j:`heading`} ?hidden=${!t&&!n} @keydown=${({key:e,isComposing:n})=>{e===`Escape`&&!n&&!t&&s.close()}}>
      ${ir(e)} ${ar(e)} ${sr(e)} ${Fn(e)}
      <div class="spoken news" role="status">${a.news}</div>
      <div class="spoken" role="status">${o===void 0?``:i[`reply.copied`]}</div>
    </div>
  </section>`}function rr({texts:e,isOpen:t,unread:n,actions:r}){let i=n?W(e[`launcher.unread`],{count:n}):e[`launcher.open`],a=O`<span class="badge" part="badge" aria-hidden="true">${n}</span>`;return O`<button type="button" class="launcher" part="launcher" aria-expanded=${t} aria-controls="panel"
    aria-label=${t?e[`launcher.close`]:i} @click=${r.toggle}>
    ${t?gn:hn} ${n&&!t?a:j}
  </button>`}function ir({persona:e,heading:t,texts:n,isInline:r,actions:i}){let a=[...e.name||t][0]??``,o=e.avatar?O`<img src=${e.avatar} alt="" width="38" height="38" />`:a,s=O`<button type="button" class="tool close" part="tool close" aria-label=${n[`launcher.close`]}
    title=${n[`launcher.close`]} @click=${i.close}>${gn}</button>`;return O`<header part="header">
    <div class="avatar" part="avatar" aria-hidden="true">${o}</div>
    <div class="titles">
      <h2 id="heading" part="heading" dir="auto">${t}</h2>
      ${e.role?O`<p part="role" dir="auto">${e.role}</p>`:j}
    </div>
    ${r?j:s}
  </header>`}function ar(e){let{texts:t,thread:n,isAtEnd:r,actions:i}=e,a=At(n)||kt(n)!==void 0,o=O`<button type="button" class="stop" part="button stop" @click=${i.stop}>
    ${yn}${t[`composer.stop`]}
  </button>`,s=O`<button type="button" class="latest" part="button latest" aria-label=${t[`log.latest`]}
    title=${t[`log.latest`]} @click=${i.toEnd}>${_n}</button>`;return O`<div class="stage">
    <div class="log" part="log" role="log" aria-live="off" aria-busy=${a} aria-label=${t[`log.label`]}
      tabindex="0" @scroll=${i.scrolled}><div class="content">${Un(e)}</div></div>
    <div class="floating top" role="status">${n.end?j:or(e)}</div>
    <div class="floating">${a?o:j} ${r?j:s}</div>
  </div>`}function or({state:e,failure:t,texts:n,actions:r}){return e===`connecting`?O`<div class="connection connecting" part="connection" aria-hidden="true">${n[`connection.connecting`]}</div>`:e===`offline`?O`<div class="connection" part="connection">${n[`connection.offline`]}</div>`:e===`failed`?O`<div class="connection failed" part="connection">
    ${t?G(n,t):n[`connection.failed`]}
    <button type="button" class="quiet" part="button reconnect" @click=${r.reconnect}>
      ${n[`connection.retry`]}
    </button>
  </div>`:j}function sr({thread:e,texts:t,actions:n}){let r=e.alarm?G(t,e.alarm):``,i=e.alarm&&!e.alarm.isShown,a=O`<button type="button" class="tool" part="tool dismiss" aria-label=${t[`problem.dismiss`]}
    title=${t[`problem.dismiss`]} @click=${n.dismiss}>${gn}</button>`;return O`<div class=${i?`alarm`:`spoken`} part="alarm">
    <div role="alert">${r}</div>
    ${i?a:j}
  </div>`}var cr=200,lr=2e3,Q=class e extends R{static{this.styles=un}static{this.properties={mode:{type:String},service:{type:String},sessionId:{type:String,attribute:`session-id`},visitorId:{type:String,attribute:`visitor-id`},heading:{type:String},theme:{type:String,reflect:!0},isOpen:{type:Boolean,attribute:`open`,reflect:!0},markdown:{type:Boolean},texts:{type:Object}}}static{this.home=`/`}#e;#t=on;#n=!1;#r=dn;#i=!1;#a;#o=``;#s;#c=0;#l;#u=0;#d;#f=new nn;#p=new ResizeObserver(()=>this.#f.settle(this.#F));#m={changed:()=>this.#C(),framed:(e,t)=>this.#w(e,t),stateChanged:e=>this.#T(`state`,e),joined:e=>this.#T(`session`,{session_id:e})};#h={toggle:()=>this.toggle(),close:()=>this.close(),reconnect:()=>this.client.connect(),dismiss:()=>this.#_.dismiss(),startAgain:()=>this.startAgain(),suggest:e=>this.send(e),retry:e=>this.#_.retry(e),stop:()=>this.#_.stop(),rate:(e,t)=>void this.#_.rate(e,t),copy:isSecureContext?(e,t)=>void this.#E(e,t):void 0,showEarlier:()=>void this.#P(),toEnd:()=>this.#M(),scrolled:()=>this.#N(),typed:e=>this.#O(e),submit:()=>this.#k()};constructor(){super(),this.mode=`launcher`,this.service=this.sessionId=this.visitorId=this.heading=``,this.theme=`auto`,this.isOpen=this.markdown=!1,this.texts=null}get client(){return this.#_.client}open(){this.isOpen=!0}close(){this.isOpen=!1}toggle(){this.isOpen=!this.isOpen}send(e){this.#_.send(e),this.#M()}startAgain(){this.#_.startAgain()}connectedCallback(){super.connectedCallback(),this.hasUpdated&&this.#_.resume()}disconnectedCallback(){super.disconnectedCallback(),this.#e?.leave()}async scheduleUpdate(){await new Promise(requestAnimationFrame),await super.scheduleUpdate()}willUpdate(e){this.#d=this.shadowRoot?.activeElement,(e.has(`service`)||e.has(`sessionId`)||e.has(`visitorId`))&&this.#b(),e.has(`texts`)&&(this.#r=fn(this.texts)),(this.#A||this.#_.hasSession)&&this.#x(),this.markdown&&this.#S(),this.isOpen&&(this.#c=0);let{length:t}=this.#_.thread.entries;this.#u=this.#f.isAtEnd?Math.max(0,t-cr):Math.min(this.#u,t)}firstUpdated(){this.#p.observe(this.#F),this.#p.observe(this.#I(`.content`))}updated(e){let t=e.has(`isOpen`)&&e.get(`isOpen`)!==void 0;t&&this.#T(`open`,{isOpen:this.isOpen}),(t&&this.isOpen||$t(this.#d))&&this.#j()}render(){return nr(this.#g())}#g(){return{texts:this.#r,lang:this.closest(`[lang]`)?.getAttribute(`lang`)??``,heading:this.heading||this.#t.name||this.#r.heading,persona:this.#t,isInline:this.mode===`inline`,isOpen:this.isOpen,unread:this.#c,state:this.#_.state,failure:this.#_.failure,thread:this.#_.thread,from:this.#u,isAtEnd:this.#f.isAtEnd,copied:this.#s,markdown:this.markdown?this.#a:void 0,draft:this.#o,actions:this.#h}}get#_(){return this.#e??=this.#y()}get#v(){return new sn(this.service||e.home)}#y(){let e={session_id:this.sessionId,visitor_id:this.visitorId};return new Kt(this.#v,this.#m,e.session_id&&e.visitor_id?e:void 0)}#b(){this.hasUpdated&&(this.#e?.leave(),this.#e=void 0,this.#n=!1),this.isConnected&&this.#_.resume()}async#x(){this.#n||(this.#n=!0,this.#t=await this.#v.persona(),this.requestUpdate())}async#S(){this.#i||(this.#i=!0,this.#a=(await e.loadMarkdown?.().catch(()=>void 0))?.rendered,this.requestUpdate())}#C(){let{news:e}=this.#_.thread;e&&e!==this.#l&&!this.#A&&(this.#c+=1),this.#l=e,this.requestUpdate()}#w(e,t){if(this.#T(`frame`,e),t||(e.type===`message`&&this.#T(`message`,{who:`visitor`,text:e.message,message_id:e.message_id}),e.type!==`complete`))return;let{message:n=``,message_id:r,response_id:i}=e;this.#T(`message`,{who:`assistant`,text:n,message_id:r,response_id:i})}#T(e,t){this.dispatchEvent(new CustomEvent(`verbatim-${e}`,{detail:t,bubbles:!0,composed:!0}))}async#E(e,t){await navigator.clipboard.writeText(t),this.#D(e),setTimeout(()=>{this.#s===e&&this.#D(void 0)},lr)}#D(e){this.#s=e,this.requestUpdate()}#O(e){this.#o=e,this.requestUpdate()}#k(){!this.#_.thread.end&&Qt(this.#o,this.#t.maxMessageChars)&&(this.send(this.#o.trim()),this.#O(``),en()||this.#j())}get#A(){return this.mode===`inline`||this.isOpen}#j(){let e=this.#_.thread.end||en()?`.log`:`textarea`;this.#I(this.#A?e:`.launcher`).focus({preventScroll:!0})}#M(){this.#f.toEnd(this.#F),this.requestUpdate()}#N(){let e=this.#f.isAtEnd;this.#f.scrolled(this.#F),this.#f.isAtEnd!==e&&this.requestUpdate()}async#P(){await rn(this.#F,this.#I(`.entry`),()=>(this.#f.stay(),this.#u=Math.max(0,this.#u-cr),this.requestUpdate(),this.updateComplete)),this.#u===0&&this.#F.focus({preventScroll:!0})}get#F(){return this.#I(`.log`)}#I(e){return this.shadowRoot?.querySelector(e)??this}},$=document.currentScript;if(!customElements.get(`verbatim-chat`)){$?.src&&(Q.home=new URL(`..`,$.src).href);let e=new URL(`static/verbatim-chat-markdown.js`,new URL(Q.home,document.baseURI)).href;Q.loadMarkdown=()=>import(e),customElements.define(`verbatim-chat`,Q);let t=$?.dataset;t?.launcher!==void 0&&dr(()=>ur(t))}function ur(e){if(document.querySelector(`verbatim-chat`))return;let t=document.createElement(`verbatim-chat`);for(let[n,r]of Object.entries(e))n!==`launcher`&&t.setAttribute(fr(n),r??``);document.body.append(t)}function dr(e){document.readyState===`loading`?document.addEventListener(`DOMContentLoaded`,e,{once:!0}):e()}function fr(e){return e.replace(/[A-Z]/g,e=>`-${e.toLowerCase()}`)}})();