/* Verbatim. Licences: verbatim-chat.licenses.md */
(function(){function e(e){let{location:t}=globalThis,{protocol:n,host:r,pathname:i}=new URL(e,t?.href),a=t?.protocol===`https:`||/^(https|wss):/.test(n)?`s`:``;return{socket:`ws${a}://${r}${i}`,sessions:`http${a}://${r}${i.replace(/(\/ws\/chat)?\/?$/,`/api/chats/sessions/`)}`}}var t=class{#e=0;constructor(e,t){this.baseMs=e,this.mostMs=t}next(){return Math.random()*Math.min(this.mostMs,this.baseMs*2**this.#e++)}reset(){this.#e=0}};function n(e){return{type:`chunk`,chunk:e.chunk,done:e.done,messageId:e.message_id}}function r(e){return{type:`complete`,responseId:e.response_id,messageId:e.message_id,conversationData:e.conversation_data,complete:e.complete,needsInfo:e.needs_info??null,suggestions:e.suggestions??[]}}var i=[`not_connected`,`rate_limited`,`unavailable`,`internal_error`],a=class extends Error{constructor(e,t,n,r){super(e),this.code=t,this.sessionId=n,this.messageId=r,this.name=`ChatError`}get isPassing(){return i.includes(this.code)}};function o(e){return new a(e.error,e.metadata.code,e.session_id,e.message_id)}var s=class{#e=[];constructor(e){this.send=e}add(e){return new Promise((t,n)=>this.#e.push({frame:e,resolve:t,reject:n}))}sendAll(){for(let e of this.#e.splice(0)){let{frame:t,resolve:n,reject:r}=e;this.send(t,{done:n,refused:r,lost:()=>this.#t(e)}),this.send({type:`ping`},{})}}rejectAll(e){for(let{reject:t}of this.#e.splice(0))t(e)}#t(e){let{frame:t,reject:n}=e;t.type===`feedback`?this.#e.push(e):n(new a(`The connection was lost: perhaps the reply was stopped`,`lost`,t.session_id))}},c=`verbatim.v1`,l={messageChars:4e3,messagesPerMinute:30};function u(e){let{window:t,document:n}=globalThis,r=()=>{n?.visibilityState===`visible`&&e()};return t?.addEventListener(`online`,e),n?.addEventListener(`visibilitychange`,r),()=>{t?.removeEventListener(`online`,e),n?.removeEventListener(`visibilitychange`,r)}}var d=4e3,f=1006,p=1,m=class{#e;#t;#n;#r;#i;#a=!1;#o=!1;constructor(e,n,r,i){this.url=e,this.listener=n,this.timing=r,this.webSocket=i,this.#e=new t(r.retryMs,r.retryMostMs),this.#t=u(()=>this.#m()),this.#s(0)}send(e){this.#n?.readyState===p&&this.#n.send(JSON.stringify(e))}retry(e){this.#n&&this.#f(d,e)}close(){this.#t(),this.#n&&this.#f(1e3,``),this.#o=!0,clearTimeout(this.#r)}#s(e){clearTimeout(this.#r),this.#r=setTimeout(()=>this.#c(),e)}#c(){try{this.#l(new this.webSocket(this.url,[c]))}catch{this.#d(``)}}#l(e){this.#n=e,this.#r=setTimeout(()=>this.#d(`timeout`),this.timing.connectMs);let t=(t,n)=>{e.addEventListener(t,t=>this.#n===e&&n(t))};t(`open`,()=>this.#u()),t(`message`,({data:e})=>this.listener.received(String(e))),t(`error`,()=>this.#d(``)),t(`close`,({code:e,reason:t})=>this.#p(e,t))}#u(){clearTimeout(this.#r),this.#i=performance.now(),this.#a=!1,this.listener.opened()}#d(e){let t=!this.#a;this.#a=!0,t&&this.listener.failed(),this.#o||this.#f(f,e)}#f(e,t,n){let r=this.#n;this.#n=void 0,r?.close(),this.#p(e,t,n)}#p(e,t,n){let r=this.#i;r!==void 0&&performance.now()-r>=this.timing.stableMs&&this.#e.reset(),this.#n=this.#i=void 0,this.#s(n??this.#e.next());let i=e>=4400&&e<4500;this.listener.lost({code:r===void 0?f:e,reason:t,isFinal:i})}#m(){this.#i===void 0?this.#n?this.#f(d,`woken`,0):this.#s(0):this.listener.woken()}},ee={burst:l.messagesPerMinute/3,perMinute:l.messagesPerMinute*2/3},te=class{#e;#t;constructor(e,t){this.pace=e,this.#e=e.burst,this.#t=t}wait(e){return this.#n(e),Math.max(0,(1-this.#e)*6e4/this.pace.perMinute)}take(e){this.#n(e),--this.#e}#n(e){this.#e=Math.min(this.pace.burst,this.#e+(e-this.#t)*this.pace.perMinute/6e4),this.#t=e}},ne=class{#e=new Map;#t;#n=!1;#r=0;#i;constructor(e,t,n,r){this.outbox=e,this.route=t,this.pace=n,this.backoff=r}next(){if(clearTimeout(this.#t),this.#n)return;let e=this.outbox.all.find(({session_id:e})=>this.route.isReady(e));if(!e)return;let t=this.#a(e);t>0?this.#t=setTimeout(()=>this.next(),t):this.#o(e)}spend(e){this.#l(e).take(performance.now())}#a(e){let t=performance.now(),n=this.#i===e;return Math.max(this.#r-t,n?0:this.#l(e.session_id).wait(t))}#o(e){this.#i!==e&&this.spend(e.session_id),this.#i=e,this.#n=!0,this.route.send(e,{done:()=>this.#s(e),refused:t=>this.#c(e,t),lost:()=>this.#n=!1})}#s(e){this.outbox.take(e),this.backoff.reset(),this.#n=!1,this.next()}#c(e,t){this.#n=!1,t.isPassing?this.#r=performance.now()+this.backoff.next():this.outbox.take(e)&&this.route.undelivered(e,t),this.next()}#l(e){let t=this.#e.get(e)??new te(this.pace,performance.now());return this.#e.set(e,t),t}},re=class{#e=new Map;#t=[];#n=!1;on(e,t){let n=this.#e.get(e)??new Set;this.#e.set(e,n);let r=e=>t(e);return n.add(r),()=>void n.delete(r)}emit(e,t){let n=this.#e.get(e);for(let e of n??[])this.#t.push(()=>n?.has(e)&&e(t));this.#n||this.#r()}#r(){this.#n=!0;for(let e=this.#t.shift();e;e=this.#t.shift())ie(e);this.#n=!1}};function ie(e){try{e()}catch(e){setTimeout(()=>{throw e})}}var ae=class{#e;#t=!1;constructor(e,t,n,r){this.quietMs=e,this.answerMs=t,this.ask=n,this.giveUp=r}heard(){this.stop(),this.#e=setTimeout(()=>this.probe(),this.quietMs)}probe(){this.#t||(this.stop(),this.#t=!0,this.#e=setTimeout(()=>{this.stop(),this.giveUp()},this.answerMs()),this.ask())}stop(){clearTimeout(this.#e),this.#t=!1}};function h(e,t){let n=typeof t==`string`?t.toLowerCase().replaceAll(`-`,``):``;if(!/^[0-9a-f]{32}$/.test(n))throw new a(`${e} must be a UUID`,`invalid_request`);return n.replace(/^(.{8})(.{4})(.{4})(.{4})/,`$1-$2-$3-$4-`)}function oe(){return[...crypto.getRandomValues(new Uint8Array(16))].map(e=>e.toString(16).padStart(2,`0`)).join(``)}var se=class{#e=!1;constructor(e,t,n){this.sessions=e,this.send=t,this.listener=n}joinAll(){this.#e=!1;for(let e of this.sessions.all)e.isReady||this.join(e)}join(e){let{session_id:t,visitor_id:n,cursor:r}=e;this.send({type:`join`,session_id:t,visitor_id:n,...r&&{after:r}},{done:t=>t.type===`connected`&&this.#t(e,t),refused:t=>this.#n(e,t)})}forgotten(){this.#e=!0}#t(e,{metadata:t}){e.isJoined=!0,e.cursor||this.sessions.move(e,t.cursor),this.listener.joined()}#n(e,t){let{code:n,isPassing:r}=t;r||n===`too_many_sessions`&&this.#e?this.listener.retry(n):n===`invalid_request`&&e.cursor?(this.sessions.move(e,void 0),this.join(e)):this.listener.refused(e,t)}},ce=class{#e=new Map;#t=0;constructor(e,t){this.storage=e,this.prefix=t}put(e,t){let n=this.#e.get(e)??(this.#t=Math.max(this.#t+1,Date.now()));this.#e.set(e,n),this.#n(r=>r.setItem(this.prefix+e,JSON.stringify({...t,order:n})))}remove(e){this.#e.delete(e),this.#n(t=>t.removeItem(this.prefix+e))}all(e){return(this.#n(e=>Array.from({length:e.length},(t,n)=>e.key(n)??``).filter(e=>e.startsWith(this.prefix)).map(t=>ue(e.getItem(t)??``)))??[]).filter(t=>e(t)).sort((e,t)=>e.order-t.order)}#n(e){try{return this.storage?e(this.storage):void 0}catch{return}}};function le(){try{return globalThis.sessionStorage??null}catch{return null}}function ue(e){try{return JSON.parse(e)}catch{return}}function g(e,...t){return typeof e==`object`&&!!e&&t.every(t=>typeof Reflect.get(e,t)==`string`)}var de={retryMs:1e3,retryMostMs:3e4,connectMs:1e4,requestMs:1e4,stableMs:5e3,quietMs:25e3,answerMs:5e3,busyMs:15e3,debounceMs:500};function fe(e){let{WebSocket:t=globalThis.WebSocket}=e;if(!t)throw TypeError("There is no WebSocket: give one, such as that of `ws`, as the option `WebSocket`");return{history:`unseen`,storage:le(),maxMessageChars:l.messageChars,maxQueued:100,pace:ee,...pe(e),WebSocket:t,timing:{...de,...pe(e.timing??{})}}}function pe(e){return Object.fromEntries(Object.entries(e).filter(([,e])=>e!==void 0))}var me=class{#e=new Map;constructor(e){this.store=e;for(let{message:t}of e.all(he))this.add(t)}get all(){return[...this.#e.values()]}add(e){this.#e.set(e.client_message_id,e),this.store.put(e.client_message_id,{message:e})}take({client_message_id:e}){return this.store.remove(e),this.#e.delete(e)}takeAllOf(e){return this.all.filter(t=>t.session_id===e&&this.take(t))}};function he(e){let{message:t}=Object(e);return g(t,`client_message_id`,`session_id`,`visitor_id`,`message`)}var ge=class{#e=[];constructor(e){this.passedOver=e}get isEmpty(){return!this.#e.length}add(e,t){this.#e.push({sent:e,request:t})}receive(e){let t=this.#e.findIndex(({sent:t})=>ve(e,t)),n=this.#e[t];if(!n)return;let r=this.#e.slice(0,t);if(!r.every(({sent:e})=>_e(e)))this.passedOver();else{this.#e.splice(0,t+1);for(let{request:t}of r)t.done?.(e);e.type===`error`?n.request.refused?.(o(e)):n.request.done?.(e)}}loseAll(){for(let{request:e}of this.#e.splice(0))e.lost?.()}};function _e({type:e}){return e===`stop`||e===`feedback`}function ve(e,t){switch(e.type){case`connected`:return t.type===`join`&&t.session_id===e.session_id;case`accepted`:return t.type===`chat_message`&&t.client_message_id===e.metadata.client_message_id;case`pong`:return t.type===`ping`;case`error`:return ye(e,t);default:return!1}}function ye({session_id:e,metadata:{cursor:t,client_message_id:n}},r){return t||r.type===`ping`?!1:r.type===`chat_message`?r.client_message_id===n:!n&&r.session_id===e}async function be(e,t,n,r){let{ok:i,status:o,body:s}=await Se(e,JSON.stringify(t),n,r),c=ue(s);if(i&&g(c,`session_id`,`visitor_id`,`cursor`))return c;throw g(c,`detail`,`code`)?new a(c.detail,c.code):new a(`The service has answered with ${o}`,xe(o))}function xe(e){return e===429?`rate_limited`:e>=500?`unavailable`:`unreadable`}async function Se(e,t,n,r){let i=new AbortController,o=()=>i.abort(),s=setTimeout(o,n);r?.addEventListener(`abort`,o),r?.aborted&&o();try{let n=await fetch(e,{method:`POST`,body:t,headers:{"Content-Type":`application/json`},signal:i.signal});return{ok:n.ok,status:n.status,body:await n.text()}}catch{throw r?.throwIfAborted(),new a(`The service ${i.signal.aborted?`gave no answer within ${n} ms`:`can't be reached`}`,`not_connected`)}finally{clearTimeout(s),r?.removeEventListener(`abort`,o)}}function Ce(e,t){let[n,r]=we(e),[i,a]=we(t);return n>i||n===i&&r>a}function we(e){let[t,n]=e.split(`.`);return[Number(t),Number(n??0)]}var Te=class{constructor(e,t,n){this.session_id=e,this.visitor_id=t,this.cursor=n,this.isJoined=!1,this.hasEnded=!1}get isReady(){return this.isJoined||this.hasEnded}},Ee=class{#e=new Map;constructor(e,t){this.store=e,this.start=t;for(let{session_id:n,visitor_id:r,cursor:i}of e.all(Oe))this.follow(n,r,t??i)}get all(){return[...this.#e.values()]}get areReady(){return this.all.every(({isReady:e})=>e)}get(e){return this.#e.get(e)}follow(e,t,n=this.start){let r=this.get(e);if(r)return r;let i=new Te(e,t,n);return this.#e.set(e,i),this.#t(i),i}forget(e){this.#e.delete(e),this.store.remove(e)}leaveAll(){for(let e of this.all)e.isJoined=!1}move(e,t){e.cursor=t,this.start||this.#t(e)}takes(e){if(!e.session_id)return!0;let t=this.get(e.session_id);if(!t)return!1;let n=De(e);return n?t.cursor&&!Ce(n,t.cursor)?!1:(this.move(t,n),e.complete&&(t.hasEnded=!0,this.start||this.store.remove(t.session_id)),!0):!0}#t(e){let{session_id:t,visitor_id:n,cursor:r}=e;this.get(t)===e&&this.store.put(t,{session_id:t,visitor_id:n,cursor:r})}};function De(e){let{metadata:t}=e;return e.type===`connected`||e.type===`accepted`?void 0:t?.cursor}function Oe(e){return g(e,`session_id`,`visitor_id`)}var ke=class{#e=[];#t=[];#n;constructor(e,t){this.most=e,this.left=t}push(e){if(this.#n)return;let t=this.#t.shift();t?t.give({done:!1,value:e}):this.#e.length<this.most?this.#e.push(e):this.end(new a(`The reader is more than ${this.most} frames behind`,`buffer_full`,e.session_id))}end(e){if(!this.#n){this.#n={error:e},this.left();for(let e of this.#t.splice(0))this.#r(e)}}next(){return new Promise((e,t)=>{let n=this.#e.shift();n?e({done:!1,value:n}):this.#n?this.#r({give:e,fail:t}):this.#t.push({give:e,fail:t})})}return(){return this.#e=[],this.end(),Promise.resolve({done:!0,value:void 0})}[Symbol.asyncIterator](){return this}#r({give:e,fail:t}){let n=this.#n?.error;this.#n={error:void 0},n?t(n):e({done:!0,value:void 0})}},Ae=/^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/;function je(e){return e.replace(/\p{Surrogate}/gu,`�`)}function Me(e,t){let n=typeof e==`string`?je(e):``;if(Ae.test(n))throw new a(`message is required`,`message_required`);let r=[...n].length;if(r>t)throw new a(`message is too long: ${r} characters, at most ${t} are accepted`,`message_too_long`);return n}var Ne=`0.0`,Pe=`session_erased`,Fe=class{#e;#t;#n=new re;#r;#i;#a;#o=new ge(()=>this.#d?.retry(`passed over`));#s;#c;#l;#u=`idle`;#d;#f;#p;#m;#h=null;#g=null;#_=null;constructor(i,a={}){this.#e=e(i),this.#t=fe(a);let{storage:o,history:c,timing:l,pace:u}=this.#t,d=`verbatim-chat ${this.#e.socket} `;this.#r=new Ee(new ce(o,`${d}session `),c===`all`?Ne:void 0),this.#i=new me(new ce(o,`${d}message `));for(let{session_id:e,visitor_id:t}of this.#i.all)this.#r.follow(e,t);let f=(e,t)=>this.#w(e,t);this.#s=new s(f),this.#c=new se(this.#r,f,{joined:()=>this.#k(),refused:({session_id:e},t)=>{this.#E(e,t),this.#k()},retry:e=>this.#d?.retry(e)});let p={isReady:e=>this.state===`open`&&!!this.#r.get(e)?.isReady,send:f,undelivered:(e,t)=>this.#O(e,t)};this.#a=new ne(this.#i,p,u,new t(l.retryMs,l.retryMostMs)),this.#l=new ae(l.quietMs,()=>this.#o.isEmpty?l.answerMs:l.busyMs,()=>f({type:`ping`},{}),()=>this.#d?.retry(`no answer`)),this.#n.on(`chunk`,e=>this.#h?.(n(e))),this.#n.on(`complete`,e=>this.#h?.(r(e))),this.#n.on(`problem`,e=>this.#g?.(e)),this.#n.on(`disconnect`,()=>this.#_?.())}connect(){if(this.#d)return;this.#f=void 0,this.#p=void 0,this.#T(`connecting`);let{timing:e,WebSocket:t}=this.#t,n={opened:()=>this.#A(),received:e=>this.#j(e),lost:e=>this.#M(e),failed:()=>this.#n.emit(`problem`,new a(`The connection has failed`,`not_connected`)),woken:()=>this.#l.probe()};this.#d=new m(this.#e.socket,n,e,t)}sendMessage(e,t,n){try{return this.#S(()=>this.#v({type:`chat_message`,message:Me(e,this.#t.maxMessageChars),session_id:h(`session_id`,t),visitor_id:h(`visitor_id`,n),client_message_id:oe()}))}catch(e){if(e instanceof a)return null;throw e}}setOnMessage(e){this.#h=e}setOnError(e){this.#g=e}setOnClose(e){this.#_=e}close(){this.#N(`closed`,new a(`The chat was closed`,`closed`))}get state(){return this.#u}get failure(){return this.#f}get outbox(){return this.#i.all}get sessions(){return this.#r.all}on(e,t){return this.#n.on(e,t)}async createSession(e={},t){let n=await be(this.#e.sessions,e,this.#t.timing.requestMs,t);for(let{session_id:e,hasEnded:t}of this.#r.all){let n=this.#i.all.some(t=>t.session_id===e);t&&!n&&this.forget(e)}return this.follow(n.session_id,n.visitor_id,n.cursor),n}follow(e,t,n){let[r,i]=[h(`session_id`,e),h(`visitor_id`,t)],a=this.#r.get(r)!==void 0,o=this.#r.follow(r,i,n);return this.state!==`open`&&this.state!==`resuming`||a||this.#c.join(o),o}forget(e){let t=h(`session_id`,e);this.#i.takeAllOf(t),this.#r.forget(t),this.#c.forgotten(),this.state===`resuming`&&this.#k()}stop(e){return this.#b(()=>{let t=this.#C(e);if(this.state===`open`)return{type:`stop`,...t};throw this.#f??new a(`Without a connection, no reply can be stopped`,`not_connected`,t.session_id)})}feedback(e,t,n=``,r){return this.#b(()=>{let i=this.#C(r),a=h(`response_id`,e),o={type:`feedback`,...i,response_id:a,rating:t,comment:je(n)};return this.#a.spend(o.session_id),o})}frames(e=1e3){let t=new ke(e,()=>n.forEach(e=>e())),n=[this.#n.on(`frame`,e=>e.type===`pong`||t.push(e)),this.#n.on(`over`,e=>t.end(e))];return(this.state===`closed`||this.state===`failed`)&&t.end(this.#f),t}[Symbol.asyncIterator](){return this.frames()}reconnect(){this.#d?.retry(`reconnect`)}#v(e){if(this.#f)throw this.#f;let t=this.#y(e);if(t)return t;let{session_id:n,visitor_id:r,client_message_id:i}=e;if(this.#i.all.length>=this.#t.maxQueued)throw new a(`Too many messages wait to be sent`,`outbox_full`,n);return this.#i.add(e),this.#m={message:e,at:performance.now()},this.follow(n,r),this.#a.next(),i}#y({message:e,session_id:t}){let n=this.#m;if(!(!n||performance.now()-n.at>=this.#t.timing.debounceMs))return n.message.message===e&&n.message.session_id===t?n.message.client_message_id:void 0}#b(e){let t=this.#x(e);return t.catch(()=>void 0),t}async#x(e){let t=this.#s.add(this.#S(e));this.#f?this.#s.rejectAll(this.#f):this.state===`open`&&this.#s.sendAll(),await t}#S(e){try{return e()}catch(e){throw e instanceof a&&this.#n.emit(`problem`,e),e}}#C(e){let t=e?this.#r.get(h(`session_id`,e)):this.#r.all.at(-1);if(!t)throw new a(`No such session is followed`,`session_not_found`,e);return{session_id:t.session_id,visitor_id:t.visitor_id}}#w(e,t){if(!this.#d)return t.lost?.();this.#o.add(e,t),this.#d.send(e)}#T(e){let t=this.#u;this.#u=e,e!==t&&this.#n.emit(`state`,{state:e,previous:t})}#E(e,t){let n=this.#i.takeAllOf(e);this.#r.forget(e),this.#n.emit(`refused`,{session_id:e,error:t});for(let e of n)this.#O(e,t)}#D(e){let t=this.#r.get(e.sessionId??``)?.visitor_id;for(let{session_id:n,visitor_id:r}of this.#r.all)r===t&&this.#E(n,e)}#O(e,t){this.#m=void 0,this.#n.emit(`undelivered`,{message:e,error:t})}#k(){if(this.#d){if(this.state!==`open`){if(!this.#r.areReady)return;this.#T(`open`)}this.#s.sendAll(),this.#a.next()}}#A(){this.#p=void 0,this.#l.heard(),this.#r.areReady||this.#T(`resuming`),this.#c.joinAll(),this.#k()}#j(e){this.#l.heard();let t=Ie(e);if(!t){this.#n.emit(`problem`,new a(`What was received is no frame`,`unreadable`));return}t.type===`error`&&(this.#p=o(t));let n=this.#r.takes(t);this.#o.receive(t),n&&(this.#n.emit(t.type,t),this.#n.emit(`frame`,t),t.type===`error`&&this.#n.emit(`problem`,o(t)))}#M({code:e,reason:t,isFinal:n}){let[r,i]=[this.#d,this.#p];if(this.#l.stop(),this.#r.leaveAll(),this.#o.loseAll(),this.#n.emit(`disconnect`,{code:e,reason:t}),r&&this.#d===r){if(n){let n=new a(t||`Closed by the service: ${e}`,t||`error`),r=i?.code===t?i:n;r.code===Pe&&this.#D(r),this.#N(`failed`,r)}else this.#T(`offline`)}}#N(e,t){let n=e===`failed`?t:void 0;this.#f=n,this.#P(),this.#s.rejectAll(t),this.#d||(this.#T(e),this.#n.emit(`over`,n))}#P(){let e=this.#d;this.#d=void 0,e?.close()}};function Ie(e){let t=ue(e);return g(t,`type`)?t:void 0}var _=globalThis,Le=_.ShadowRoot&&(_.ShadyCSS===void 0||_.ShadyCSS.nativeShadow)&&`adoptedStyleSheets`in Document.prototype&&`replace`in CSSStyleSheet.prototype,Re=Symbol(),ze=new WeakMap,Be=class{constructor(e,t,n){if(this._$cssResult$=!0,n!==Re)throw Error("CSSResult is not constructable. Use `unsafeCSS` or `css` instead.");this.cssText=e,this.t=t}get styleSheet(){let e=this.o,t=this.t;if(Le&&e===void 0){let n=t!==void 0&&t.length===1;n&&(e=ze.get(t)),e===void 0&&((this.o=e=new CSSStyleSheet).replaceSync(this.cssText),n&&ze.set(t,e))}return e}toString(){return this.cssText}},Ve=e=>new Be(typeof e==`string`?e:e+``,void 0,Re),v=(e,...t)=>new Be(e.length===1?e[0]:t.reduce((t,n,r)=>t+(e=>{if(!0===e._$cssResult$)return e.cssText;if(typeof e==`number`)return e;throw Error(`Value passed to 'css' function must be a 'css' function result: `+e+`. Use 'unsafeCSS' to pass non-literal values, but take care to ensure page security.`)})(n)+e[r+1],e[0]),e,Re),He=(e,t)=>{if(Le)e.adoptedStyleSheets=t.map(e=>e instanceof CSSStyleSheet?e:e.styleSheet);else for(let n of t){let t=document.createElement(`style`),r=_.litNonce;r!==void 0&&t.setAttribute(`nonce`,r),t.textContent=n.cssText,e.appendChild(t)}},Ue=Le?e=>e:e=>e instanceof CSSStyleSheet?(e=>{let t=``;for(let n of e.cssRules)t+=n.cssText;return Ve(t)})(e):e,{is:We,defineProperty:Ge,getOwnPropertyDescriptor:Ke,getOwnPropertyNames:qe,getOwnPropertySymbols:Je,getPrototypeOf:Ye}=Object,y=globalThis,Xe=y.trustedTypes,Ze=Xe?Xe.emptyScript:``,Qe=y.reactiveElementPolyfillSupport,b=(e,t)=>e,$e={toAttribute(e,t){switch(t){case Boolean:e=e?Ze:null;break;case Object:case Array:e=e==null?e:JSON.stringify(e)}return e},fromAttribute(e,t){let n=e;switch(t){case Boolean:n=e!==null;break;case Number:n=e===null?null:Number(e);break;case Object:case Array:try{n=JSON.parse(e)}catch{n=null}}return n}},et=(e,t)=>!We(e,t),tt={attribute:!0,type:String,converter:$e,reflect:!1,useDefault:!1,hasChanged:et};Symbol.metadata??=Symbol(`metadata`),y.litPropertyMetadata??=new WeakMap;var x=class extends HTMLElement{static addInitializer(e){this._$Ei(),(this.l??=[]).push(e)}static get observedAttributes(){return this.finalize(),this._$Eh&&[...this._$Eh.keys()]}static createProperty(e,t=tt){if(t.state&&(t.attribute=!1),this._$Ei(),this.prototype.hasOwnProperty(e)&&((t=Object.create(t)).wrapped=!0),this.elementProperties.set(e,t),!t.noAccessor){let n=Symbol(),r=this.getPropertyDescriptor(e,n,t);r!==void 0&&Ge(this.prototype,e,r)}}static getPropertyDescriptor(e,t,n){let{get:r,set:i}=Ke(this.prototype,e)??{get(){return this[t]},set(e){this[t]=e}};return{get:r,set(t){let a=r?.call(this);i?.call(this,t),this.requestUpdate(e,a,n)},configurable:!0,enumerable:!0}}static getPropertyOptions(e){return this.elementProperties.get(e)??tt}static _$Ei(){if(this.hasOwnProperty(b(`elementProperties`)))return;let e=Ye(this);e.finalize(),e.l!==void 0&&(this.l=[...e.l]),this.elementProperties=new Map(e.elementProperties)}static finalize(){if(this.hasOwnProperty(b(`finalized`)))return;if(this.finalized=!0,this._$Ei(),this.hasOwnProperty(b(`properties`))){let e=this.properties,t=[...qe(e),...Je(e)];for(let n of t)this.createProperty(n,e[n])}let e=this[Symbol.metadata];if(e!==null){let t=litPropertyMetadata.get(e);if(t!==void 0)for(let[e,n]of t)this.elementProperties.set(e,n)}this._$Eh=new Map;for(let[e,t]of this.elementProperties){let n=this._$Eu(e,t);n!==void 0&&this._$Eh.set(n,e)}this.elementStyles=this.finalizeStyles(this.styles)}static finalizeStyles(e){let t=[];if(Array.isArray(e)){let n=new Set(e.flat(1/0).reverse());for(let e of n)t.unshift(Ue(e))}else e!==void 0&&t.push(Ue(e));return t}static _$Eu(e,t){let n=t.attribute;return!1===n?void 0:typeof n==`string`?n:typeof e==`string`?e.toLowerCase():void 0}constructor(){super(),this._$Ep=void 0,this.isUpdatePending=!1,this.hasUpdated=!1,this._$Em=null,this._$Ev()}_$Ev(){this._$ES=new Promise(e=>this.enableUpdating=e),this._$AL=new Map,this._$E_(),this.requestUpdate(),this.constructor.l?.forEach(e=>e(this))}addController(e){(this._$EO??=new Set).add(e),this.renderRoot!==void 0&&this.isConnected&&e.hostConnected?.()}removeController(e){this._$EO?.delete(e)}_$E_(){let e=new Map,t=this.constructor.elementProperties;for(let n of t.keys())this.hasOwnProperty(n)&&(e.set(n,this[n]),delete this[n]);e.size>0&&(this._$Ep=e)}createRenderRoot(){let e=this.shadowRoot??this.attachShadow(this.constructor.shadowRootOptions);return He(e,this.constructor.elementStyles),e}connectedCallback(){this.renderRoot??=this.createRenderRoot(),this.enableUpdating(!0),this._$EO?.forEach(e=>e.hostConnected?.())}enableUpdating(e){}disconnectedCallback(){this._$EO?.forEach(e=>e.hostDisconnected?.())}attributeChangedCallback(e,t,n){this._$AK(e,n)}_$ET(e,t){let n=this.constructor.elementProperties.get(e),r=this.constructor._$Eu(e,n);if(r!==void 0&&!0===n.reflect){let i=(n.converter?.toAttribute===void 0?$e:n.converter).toAttribute(t,n.type);this._$Em=e,i==null?this.removeAttribute(r):this.setAttribute(r,i),this._$Em=null}}_$AK(e,t){let n=this.constructor,r=n._$Eh.get(e);if(r!==void 0&&this._$Em!==r){let e=n.getPropertyOptions(r),i=typeof e.converter==`function`?{fromAttribute:e.converter}:e.converter?.fromAttribute===void 0?$e:e.converter;this._$Em=r;let a=i.fromAttribute(t,e.type);this[r]=a??this._$Ej?.get(r)??a,this._$Em=null}}requestUpdate(e,t,n,r=!1,i){if(e!==void 0){let a=this.constructor;if(!1===r&&(i=this[e]),n??=a.getPropertyOptions(e),!((n.hasChanged??et)(i,t)||n.useDefault&&n.reflect&&i===this._$Ej?.get(e)&&!this.hasAttribute(a._$Eu(e,n))))return;this.C(e,t,n)}!1===this.isUpdatePending&&(this._$ES=this._$EP())}C(e,t,{useDefault:n,reflect:r,wrapped:i},a){n&&!(this._$Ej??=new Map).has(e)&&(this._$Ej.set(e,a??t??this[e]),!0!==i||a!==void 0)||(this._$AL.has(e)||(this.hasUpdated||n||(t=void 0),this._$AL.set(e,t)),!0===r&&this._$Em!==e&&(this._$Eq??=new Set).add(e))}async _$EP(){this.isUpdatePending=!0;try{await this._$ES}catch(e){Promise.reject(e)}let e=this.scheduleUpdate();return e!=null&&await e,!this.isUpdatePending}scheduleUpdate(){return this.performUpdate()}performUpdate(){if(!this.isUpdatePending)return;if(!this.hasUpdated){if(this.renderRoot??=this.createRenderRoot(),this._$Ep){for(let[e,t]of this._$Ep)this[e]=t;this._$Ep=void 0}let e=this.constructor.elementProperties;if(e.size>0)for(let[t,n]of e){let{wrapped:e}=n,r=this[t];!0!==e||this._$AL.has(t)||r===void 0||this.C(t,void 0,n,r)}}let e=!1,t=this._$AL;try{e=this.shouldUpdate(t),e?(this.willUpdate(t),this._$EO?.forEach(e=>e.hostUpdate?.()),this.update(t)):this._$EM()}catch(t){throw e=!1,this._$EM(),t}e&&this._$AE(t)}willUpdate(e){}_$AE(e){this._$EO?.forEach(e=>e.hostUpdated?.()),this.hasUpdated||(this.hasUpdated=!0,this.firstUpdated(e)),this.updated(e)}_$EM(){this._$AL=new Map,this.isUpdatePending=!1}get updateComplete(){return this.getUpdateComplete()}getUpdateComplete(){return this._$ES}shouldUpdate(e){return!0}update(e){this._$Eq&&=this._$Eq.forEach(e=>this._$ET(e,this[e])),this._$EM()}updated(e){}firstUpdated(e){}};x.elementStyles=[],x.shadowRootOptions={mode:`open`},x[b(`elementProperties`)]=new Map,x[b(`finalized`)]=new Map,Qe?.({ReactiveElement:x}),(y.reactiveElementVersions??=[]).push(`2.1.2`);var nt=globalThis,rt=e=>e,S=nt.trustedTypes,it=S?S.createPolicy(`lit-html`,{createHTML:e=>e}):void 0,at=`$lit$`,C=`lit$${Math.random().toFixed(9).slice(2)}$`,ot=`?`+C,st=`<${ot}>`,w=document,T=()=>w.createComment(``),E=e=>e===null||typeof e!=`object`&&typeof e!=`function`,ct=Array.isArray,lt=e=>ct(e)||typeof e?.[Symbol.iterator]==`function`,D=`[ 	
\f\r]`,O=/<(?:(!--|\/[^a-zA-Z])|(\/?[a-zA-Z][^>\s]*)|(\/?$))/g,ut=/-->/g,dt=/>/g,k=RegExp(`>|${D}(?:([^\\s"'>=/]+)(${D}*=${D}*(?:[^ \t\n\f\r"'\`<>=]|("|')|))|$)`,`g`),ft=/'/g,pt=/"/g,mt=/^(?:script|style|textarea|title)$/i,ht=e=>(t,...n)=>({_$litType$:e,strings:t,values:n}),A=ht(1),j=ht(2),M=Symbol.for(`lit-noChange`),N=Symbol.for(`lit-nothing`),gt=new WeakMap,P=w.createTreeWalker(w,129);function _t(e,t){if(!ct(e)||!e.hasOwnProperty(`raw`))throw Error(`invalid template strings array`);return it===void 0?t:it.createHTML(t)}var vt=(e,t)=>{let n=e.length-1,r=[],i,a=t===2?`<svg>`:t===3?`<math>`:``,o=O;for(let t=0;t<n;t++){let n=e[t],s,c,l=-1,u=0;for(;u<n.length&&(o.lastIndex=u,c=o.exec(n),c!==null);)u=o.lastIndex,o===O?c[1]===`!--`?o=ut:c[1]===void 0?c[2]===void 0?c[3]!==void 0&&(o=k):(mt.test(c[2])&&(i=RegExp(`</`+c[2],`g`)),o=k):o=dt:o===k?c[0]===`>`?(o=i??O,l=-1):c[1]===void 0?l=-2:(l=o.lastIndex-c[2].length,s=c[1],o=c[3]===void 0?k:c[3]===`"`?pt:ft):o===pt||o===ft?o=k:o===ut||o===dt?o=O:(o=k,i=void 0);let d=o===k&&e[t+1].startsWith(`/>`)?` `:``;a+=o===O?n+st:l>=0?(r.push(s),n.slice(0,l)+at+n.slice(l)+C+d):n+C+(l===-2?t:d)}return[_t(e,a+(e[n]||`<?>`)+(t===2?`</svg>`:t===3?`</math>`:``)),r]},yt=class e{constructor({strings:t,_$litType$:n},r){let i;this.parts=[];let a=0,o=0,s=t.length-1,c=this.parts,[l,u]=vt(t,n);if(this.el=e.createElement(l,r),P.currentNode=this.el.content,n===2||n===3){let e=this.el.content.firstChild;e.replaceWith(...e.childNodes)}for(;(i=P.nextNode())!==null&&c.length<s;){if(i.nodeType===1){if(i.hasAttributes())for(let e of i.getAttributeNames())if(e.endsWith(at)){let t=u[o++],n=i.getAttribute(e).split(C),r=/([.?@])?(.*)/.exec(t);c.push({type:1,index:a,name:r[2],strings:n,ctor:r[1]===`.`?xt:r[1]===`?`?St:r[1]===`@`?Ct:L}),i.removeAttribute(e)}else e.startsWith(C)&&(c.push({type:6,index:a}),i.removeAttribute(e));if(mt.test(i.tagName)){let e=i.textContent.split(C),t=e.length-1;if(t>0){i.textContent=S?S.emptyScript:``;for(let n=0;n<t;n++)i.append(e[n],T()),P.nextNode(),c.push({type:2,index:++a});i.append(e[t],T())}}}else if(i.nodeType===8){if(i.data===ot)c.push({type:2,index:a});else{let e=-1;for(;(e=i.data.indexOf(C,e+1))!==-1;)c.push({type:7,index:a}),e+=C.length-1}}a++}}static createElement(e,t){let n=w.createElement(`template`);return n.innerHTML=e,n}};function F(e,t,n=e,r){if(t===M)return t;let i=r===void 0?n._$Cl:n._$Co?.[r],a=E(t)?void 0:t._$litDirective$;return i?.constructor!==a&&(i?._$AO?.(!1),a===void 0?i=void 0:(i=new a(e),i._$AT(e,n,r)),r===void 0?n._$Cl=i:(n._$Co??=[])[r]=i),i!==void 0&&(t=F(e,i._$AS(e,t.values),i,r)),t}var bt=class{constructor(e,t){this._$AV=[],this._$AN=void 0,this._$AD=e,this._$AM=t}get parentNode(){return this._$AM.parentNode}get _$AU(){return this._$AM._$AU}u(e){let{el:{content:t},parts:n}=this._$AD,r=(e?.creationScope??w).importNode(t,!0);P.currentNode=r;let i=P.nextNode(),a=0,o=0,s=n[0];for(;s!==void 0;){if(a===s.index){let t;s.type===2?t=new I(i,i.nextSibling,this,e):s.type===1?t=new s.ctor(i,s.name,s.strings,this,e):s.type===6&&(t=new wt(i,this,e)),this._$AV.push(t),s=n[++o]}a!==s?.index&&(i=P.nextNode(),a++)}return P.currentNode=w,r}p(e){let t=0;for(let n of this._$AV)n!==void 0&&(n.strings===void 0?n._$AI(e[t]):(n._$AI(e,n,t),t+=n.strings.length-2)),t++}},I=class e{get _$AU(){return this._$AM?._$AU??this._$Cv}constructor(e,t,n,r){this.type=2,this._$AH=N,this._$AN=void 0,this._$AA=e,this._$AB=t,this._$AM=n,this.options=r,this._$Cv=r?.isConnected??!0}get parentNode(){let e=this._$AA.parentNode,t=this._$AM;return t!==void 0&&e?.nodeType===11&&(e=t.parentNode),e}get startNode(){return this._$AA}get endNode(){return this._$AB}_$AI(e,t=this){e=F(this,e,t),E(e)?e===N||e==null||e===``?(this._$AH!==N&&this._$AR(),this._$AH=N):e!==this._$AH&&e!==M&&this._(e):e._$litType$===void 0?e.nodeType===void 0?lt(e)?this.k(e):this._(e):this.T(e):this.$(e)}O(e){return this._$AA.parentNode.insertBefore(e,this._$AB)}T(e){this._$AH!==e&&(this._$AR(),this._$AH=this.O(e))}_(e){this._$AH!==N&&E(this._$AH)?this._$AA.nextSibling.data=e:this.T(w.createTextNode(e)),this._$AH=e}$(e){let{values:t,_$litType$:n}=e,r=typeof n==`number`?this._$AC(e):(n.el===void 0&&(n.el=yt.createElement(_t(n.h,n.h[0]),this.options)),n);if(this._$AH?._$AD===r)this._$AH.p(t);else{let e=new bt(r,this),n=e.u(this.options);e.p(t),this.T(n),this._$AH=e}}_$AC(e){let t=gt.get(e.strings);return t===void 0&&gt.set(e.strings,t=new yt(e)),t}k(t){ct(this._$AH)||(this._$AH=[],this._$AR());let n=this._$AH,r,i=0;for(let a of t)i===n.length?n.push(r=new e(this.O(T()),this.O(T()),this,this.options)):r=n[i],r._$AI(a),i++;i<n.length&&(this._$AR(r&&r._$AB.nextSibling,i),n.length=i)}_$AR(e=this._$AA.nextSibling,t){for(this._$AP?.(!1,!0,t);e!==this._$AB;){let t=rt(e).nextSibling;rt(e).remove(),e=t}}setConnected(e){this._$AM===void 0&&(this._$Cv=e,this._$AP?.(e))}},L=class{get tagName(){return this.element.tagName}get _$AU(){return this._$AM._$AU}constructor(e,t,n,r,i){this.type=1,this._$AH=N,this._$AN=void 0,this.element=e,this.name=t,this._$AM=r,this.options=i,n.length>2||n[0]!==``||n[1]!==``?(this._$AH=Array(n.length-1).fill(new String),this.strings=n):this._$AH=N}_$AI(e,t=this,n,r){let i=this.strings,a=!1;if(i===void 0)e=F(this,e,t,0),a=!E(e)||e!==this._$AH&&e!==M,a&&(this._$AH=e);else{let r=e,o,s;for(e=i[0],o=0;o<i.length-1;o++)s=F(this,r[n+o],t,o),s===M&&(s=this._$AH[o]),a||=!E(s)||s!==this._$AH[o],s===N?e=N:e!==N&&(e+=(s??``)+i[o+1]),this._$AH[o]=s}a&&!r&&this.j(e)}j(e){e===N?this.element.removeAttribute(this.name):this.element.setAttribute(this.name,e??``)}},xt=class extends L{constructor(){super(...arguments),this.type=3}j(e){this.element[this.name]=e===N?void 0:e}},St=class extends L{constructor(){super(...arguments),this.type=4}j(e){this.element.toggleAttribute(this.name,!!e&&e!==N)}},Ct=class extends L{constructor(e,t,n,r,i){super(e,t,n,r,i),this.type=5}_$AI(e,t=this){if((e=F(this,e,t,0)??N)===M)return;let n=this._$AH,r=e===N&&n!==N||e.capture!==n.capture||e.once!==n.once||e.passive!==n.passive,i=e!==N&&(n===N||r);r&&this.element.removeEventListener(this.name,this,n),i&&this.element.addEventListener(this.name,this,e),this._$AH=e}handleEvent(e){typeof this._$AH==`function`?this._$AH.call(this.options?.host??this.element,e):this._$AH.handleEvent(e)}},wt=class{constructor(e,t,n){this.element=e,this.type=6,this._$AN=void 0,this._$AM=t,this.options=n}get _$AU(){return this._$AM._$AU}_$AI(e){F(this,e)}},Tt={M:at,P:C,A:ot,C:1,L:vt,R:bt,D:lt,V:F,I,H:L,N:St,U:Ct,B:xt,F:wt},Et=nt.litHtmlPolyfillSupport;Et?.(yt,I),(nt.litHtmlVersions??=[]).push(`3.3.3`);var Dt=(e,t,n)=>{let r=n?.renderBefore??t,i=r._$litPart$;if(i===void 0){let e=n?.renderBefore??null;r._$litPart$=i=new I(t.insertBefore(T(),e),e,void 0,n??{})}return i._$AI(e),i},Ot=globalThis,R=class extends x{constructor(){super(...arguments),this.renderOptions={host:this},this._$Do=void 0}createRenderRoot(){let e=super.createRenderRoot();return this.renderOptions.renderBefore??=e.firstChild,e}update(e){let t=this.render();this.hasUpdated||(this.renderOptions.isConnected=this.isConnected),super.update(e),this._$Do=Dt(t,this.renderRoot,this.renderOptions)}connectedCallback(){super.connectedCallback(),this._$Do?.setConnected(!0)}disconnectedCallback(){super.disconnectedCallback(),this._$Do?.setConnected(!1)}render(){return M}};R._$litElement$=!0,R.finalized=!0,Ot.litElementHydrateSupport?.({LitElement:R});var kt=Ot.litElementPolyfillSupport;kt?.({LitElement:R}),(Ot.litElementVersions??=[]).push(`4.2.2`);var At=5e3,jt={name:``,role:``,greeting:``,suggestions:[],avatar:``,maxMessageChars:l.messageChars},Mt=class{#e;constructor(e,t=document.baseURI){let n=new URL(e,t);this.#e=n.origin+n.pathname.replace(/\/*$/,`/`)}get socket(){return`${this.#e.replace(/^http/,`ws`)}ws/chat/`}keyOf(e){return`verbatim-chat ${this.socket} widget ${e}`}async persona(){return this.#n(await this.#t(`api/chats/persona/`))}async cursorOf(e,t){let n=`api/chats/sessions/${encodeURIComponent(e)}/`;return(await this.#t(n,{"X-Visitor-Id":t}).catch(()=>({}))).cursor}async#t(e,t={}){let n={headers:t,credentials:`omit`,signal:AbortSignal.timeout(At)},r=await fetch(this.#e+e,n).catch(()=>{throw new a(`The service can't be reached`,`not_connected`)}),i=await r.json().catch(()=>void 0),o=typeof i==`object`&&i?i:void 0;if(r.ok&&o)return o;let{code:s,detail:c}=o??{};throw new a(c??`The service has answered with ${r.status}`,s??Nt(r.status))}#n(e){let{name:t,role:n,greeting:r,suggestions:i,avatar:a,max_message_chars:o}=e,s=e=>typeof e==`string`?e:``;return{name:s(t),role:s(n),greeting:s(r),suggestions:Array.isArray(i)?i.filter(e=>typeof e==`string`):[],avatar:s(a)&&this.#r(s(a)),maxMessageChars:typeof o==`number`&&o>0?o:l.messageChars}}#r(e){let t=new URL(e.replace(/^\//,``),this.#e);return t.origin===new URL(this.#e).origin?t.href:``}};function Nt(e){return e>=500?`unavailable`:`unreadable`}function Pt(e,t){if(!e)return new Mt(t);try{if(/^(https?:\/)?\//i.test(e))return new Mt(e)}catch{}return Lt(`service`,e,`must be a URL such as https://chat.example, or a path of this page's host such as /chat`),new Mt(t)}function Ft(e,t){if(!e&&!t)return;let n=Object.entries({"session-id":e,"visitor-id":t}).filter(([,e])=>!It(e));for(let[e,t]of n)Lt(e,t,`must be a UUID, as the service has given it with the session`);return n.length?void 0:{session_id:e,visitor_id:t}}function It(e){return/^[0-9a-f]{32}$/i.test(e.replaceAll(`-`,``))}function Lt(e,t,n){console.error(`<verbatim-chat ${e}="${t}">: ${e} ${n}`)}var z=class{constructor(e,t){this.key=e,this.is=t}get(){try{let e=JSON.parse(sessionStorage.getItem(this.key)??`null`);return this.is(e)?e:void 0}catch{return}}set(e){try{e===void 0?sessionStorage.removeItem(this.key):sessionStorage.setItem(this.key,JSON.stringify(e))}catch{}}};function B(e){return typeof e==`string`}function Rt(e){return typeof e==`boolean`}function zt(e){return typeof e==`object`&&!!e&&Object.values(e).every(e=>e===`up`||e===`down`)}var Bt=1e3,Vt=3e4;async function Ht(e,t,n){for(let r=Bt;;r=Math.min(Vt,r*2)){try{return await e()}catch(e){if(!(e instanceof a&&e.isPassing))throw e;n.throwIfAborted(),t(e)}await Ut(Math.random()*r,n)}}function Ut(e,t){return new Promise((n,r)=>{let i=new AbortController,a=e=>()=>{i.abort(),clearTimeout(s),e()},o=()=>{document.visibilityState===`visible`&&a(n)()},s=setTimeout(a(n),e),c={signal:i.signal};addEventListener(`online`,a(n),c),addEventListener(`visibilitychange`,o,c),t.addEventListener(`abort`,a(()=>r(t.reason)),c)})}var Wt=class{#e=new AbortController;#t=`connecting`;constructor(e,t){let{signal:n}=this.#e,r=e=>{this.#t=e.code===`not_connected`?`offline`:`connecting`,t(e)};this.session=Ht(()=>e(n),r,n)}get state(){return this.#t}giveUp(){this.#e.abort()}},V={entries:[],outgoing:[],suggestions:[],news:[]},Gt=[`session_not_found`,`session_not_active`,`session_expired`,`session_erased`,`session_full`,`visitor_mismatch`],Kt={code:`left_over`,text:``};function qt(e,t){switch(t.type){case`frame`:return $t(e,t);case`queued`:return e.outgoing.some(({key:e})=>e===t.key)?e:{...fn(e),outgoing:[...e.outgoing,{key:t.key,text:t.text}],suggestions:[]};case`undelivered`:return sn(e,t.key,t.failure);case`withdrawn`:return{...e,outgoing:pn(e.outgoing,t.key)};case`refused`:return Qt(e)?e:H(e,t.failure);case`open`:return un(e);case`rated`:return cn(e,t.key,t.rating);case`problem`:return ln(e,t.failure)?e:{...e,alarm:{...t.failure,isShown:!1}};case`dismissed`:return{...fn(e),dismissed:e.alarm?.code}}}function Jt(e){return e.entries.findLast(e=>e.kind===`reply`&&e.outcome===`open`)}function Yt(e){if(e.end||Jt(e))return!1;let t=new Set(e.entries.map(e=>e.kind===`reply`&&e.outcome!==`interrupted`&&e.messageId));return e.entries.some(e=>e.kind===`said`&&!t.has(e.messageId))}function Xt({outgoing:e}){return{...V,outgoing:e.map(Zt)}}function Zt(e){return!e.failure||Gt.includes(e.failure.code)?{...e,failure:Kt}:e}function Qt({entries:e,outgoing:t}){return!e.length&&!t.length}function $t(e,{frame:t,at:n,rating:r}){switch(t.type){case`message`:return en(e,t);case`chunk`:return tn(e,t.message_id,e=>({...e,text:e.text+t.chunk}));case`complete`:return nn(e,t,n,r);case`idle_warning`:return dn(on(e,`idle_warning`,t.message,n),t.message,n);case`session_end`:return rn(e,t,n);case`error`:return an(e,t,n);default:return e}}function en(e,{message_id:t,message:n,metadata:r}){let i=r.client_message_id??t,a={kind:`said`,key:i,messageId:t,text:n},o=pn(e.outgoing,i);return{...fn(e),news:e.news,entries:[...e.entries,a],outgoing:o,suggestions:[]}}function tn(e,t,n){let r=Jt(e);if(r?.messageId===t)return{...e,entries:mn(e.entries,r,n(r))};let i={kind:`reply`,key:`reply ${e.entries.length}`,messageId:t,text:``,outcome:`open`};return{...e,entries:[...e.entries,n(i)]}}function nn(e,t,n,r){let{message_id:i,response_id:a,suggestions:o=[],metadata:s}=t,c=s.finish_reason===`stop`?`whole`:s.finish_reason,l=dn({...tn(e,i,e=>{let n={...e,text:t.message??e.text,outcome:c,responseId:a};return r?{...n,rating:r}:n}),suggestions:o},t.message,n);return t.complete?H(l,{code:`completed`,text:``}):l}function rn(e,{message:t=``,metadata:n},r){return dn(H(t?on(e,`session_end`,t,r):e,{code:n.reason,text:t}),t,r)}function an(e,{message_id:t,response_id:n,error:r,metadata:i},a){if(!i.cursor||!t)return e;let o=i.code===`reply_interrupted`?`interrupted`:`failed`,s=tn(e,t,e=>({...e,outcome:o,...n&&{responseId:n}}));return a===void 0?s:{...s,alarm:{code:i.code,text:r,isShown:!0}}}function on(e,t,n,r){let i={kind:`notice`,key:`notice ${e.entries.length}`,about:t,text:n,...r!==void 0&&{at:r}};return{...e,entries:[...e.entries,i]}}function sn(e,t,n){let r=e.outgoing.map(e=>e.key===t?{...e,failure:n}:e),i={...e,outgoing:r,alarm:{...n,isShown:!0}};return Gt.includes(n.code)?H(i,n):i}function cn(e,t,n){let r=e.entries.find(e=>e.key===t);return r?.kind===`reply`?{...e,entries:mn(e.entries,r,{...r,rating:n})}:e}function ln({outgoing:e,end:t,dismissed:n},{code:r}){return r===`not_connected`||t?.code===r||n===r||e.some(({failure:e})=>e?.code===r)}function un(e){return e.alarm?.isShown===!1||e.dismissed!==void 0?{...e,alarm:void 0,dismissed:void 0}:e}function H(e,t){return e.end?e:{...e,end:t,suggestions:[]}}function dn(e,t,n){return t&&n!==void 0?{...e,news:[...e.news,{text:t}]}:e}function fn(e){return{...e,news:[],alarm:void 0,dismissed:void 0}}function pn(e,t){return e.some(e=>e.key===t)?e.filter(e=>e.key!==t):e}function mn(e,t,n){return e.with(e.lastIndexOf(t),n)}var hn=class{#e;#t=0;#n;constructor(e){this.#n=new z(e,gn),this.#e=(this.#n.get()??[]).map(e=>this.#r(e))}get all(){return this.#e}get waiting(){return this.#e.filter(({failure:e})=>!e)}add(e){let t=this.#r({text:e});return this.keep(t),t}keep(e){let t=this.#e.findIndex(({key:t})=>t===e.key);this.replace(t<0?[...this.#e,e]:this.#e.with(t,e))}remove(e){this.replace(this.#e.filter(t=>t.key!==e))}replace(e){this.#e=e,this.#n.set(e.length?[...e]:void 0)}#r(e){return{...e,key:`unsent ${++this.#t}`}}};function gn(e){return Array.isArray(e)&&e.every(_n)}function _n(e){let{text:t,failure:n}=Object(e);return B(t)&&(n===void 0||vn(n))}function vn(e){let{code:t,text:n}=Object(e);return B(t)&&B(n)}var yn=`0.0`,bn=30,xn=class{#e=V;#t;#n;#r;#i;#a;#o=!1;#s;#c;#l;constructor(e,t,n){this.service=e,this.listener=t,this.client=new Fe(e.socket,{history:`all`,maxMessageChars:1/0}),this.#t=this.#d(n),this.#c=new hn(e.keyOf(`unsent`)),this.#l=new z(e.keyOf(`ratings`),zt);let r=this.client.outbox.filter(e=>this.#w(e)).map(Sn).reduce(qt,V);this.#e={...r,outgoing:[...r.outgoing,...this.#c.all]},this.#b()}get thread(){return this.#e}get hasSession(){return this.#t!==void 0}get state(){return this.#a?`failed`:this.#n?.state??this.client.state}get failure(){let e=this.#a??this.client.failure;return e&&U(e)}resume(){this.#o=!0,this.#a||(this.#t?this.#v(this.#t):this.#f())}leave(){this.#o=!1,this.#y(),this.client.close()}bar(e){this.#a||(this.#a=e,this.client.close(),this.listener.barred(),this.listener.changed())}send(e){this.#O({type:`queued`,...this.#c.add(e)}),this.#o&&this.#f()}retry(e){let t=this.#e.outgoing.find(t=>t.key===e);t&&(this.withdraw(e),this.#e.end&&this.#u(Xt(this.#e)),this.send(t.text))}withdraw(e){this.#c.remove(e),this.#O({type:`withdrawn`,key:e})}stop(){this.client.stop(this.#t?.session_id).catch(()=>void 0)}async rate(e,t){let n=this.#e.entries.find(t=>t.key===e);if(n?.kind===`reply`&&n.responseId&&n.rating!==t){this.#O({type:`rated`,key:e,rating:t});try{await this.client.feedback(n.responseId,t,``,this.#t?.session_id),this.#l.set({...this.#l.get(),[n.responseId]:t})}catch{this.#O({type:`rated`,key:e,rating:n.rating})}}}startAgain(){this.#u(this.#e.end?Xt(this.#e):V)}#u(e){let t=this.#t;this.#r=t?.visitor_id,this.#y(),this.#t=this.#i=void 0,this.#c.replace(e.outgoing),this.#l.set(void 0),t&&this.client.forget(t.session_id),this.client.state===`failed`&&this.client.close(),this.#k(e)}dismiss(){this.#O({type:`dismissed`})}complain(e){this.#O({type:`problem`,failure:e})}#d(e){let t=new z(this.service.keyOf(`given`),B),{client:n}=this,r=e?n.follow(e.session_id,e.visitor_id):n.sessions.findLast(({session_id:e})=>e!==t.get());for(let e of n.sessions)e!==r&&n.forget(e.session_id);return t.set(e&&r?.session_id),r}#f(){let e=this.#t;if(e)for(let t of this.#c.waiting)this.#m(t,e);else this.#c.waiting.length&&this.#h()}#p(e){this.#c.keep(this.#t?e:Zt(e)),this.#O({type:`undelivered`,key:e.key,failure:e.failure})}#m(e,{session_id:t,visitor_id:n}){let r=[],i=this.client.on(`problem`,e=>r.push(e)),o=this.client.sendMessage(e.text,t,n);if(i(),o===null){this.#p({...e,failure:U(r[0]??new a(`The message wasn't taken`,`error`))});return}let s=this.client.outbox.find(e=>e.client_message_id===o);s&&this.#O(Sn(s)),this.withdraw(e.key)}#h(){if(this.#n)return;let e=this.#r?{visitor_id:this.#r}:{},t=e=>{this.complain(U(e)),this.listener.changed()},n=this.#n=new Wt(t=>this.client.createSession(e,t),t);n.session.then(e=>this.#g(e,n),e=>this.#_(e,n)),this.listener.changed()}#g(e,t){this.#n===t?(this.#n=void 0,this.#t=e,this.#i=e.cursor,this.#v(e)):this.client.forget(e.session_id)}#_(e,t){if(this.#n!==t)return;this.#n=void 0;let n=U(e);for(let e of this.#c.waiting)this.#p({...e,failure:n});n.code===`origin_not_allowed`&&this.bar(e)}#v(e){this.client.connect(),this.#f(),this.listener.joined(e.session_id)}#y(){this.#n?.giveUp(),this.#n=void 0}#b(){this.client.on(`undelivered`,({message:e,error:t})=>{this.#p({key:e.client_message_id,text:e.message,failure:U(t)})}),this.client.on(`refused`,({session_id:e,error:t})=>this.#S(e,t)),this.client.on(`frame`,e=>this.#x(e)),this.client.on(`problem`,e=>{e.messageId||this.#O({type:`problem`,failure:U(e)})}),this.client.on(`state`,e=>{e.state===`resuming`&&this.#C(),e.state===`open`&&this.#O({type:`open`}),this.listener.stateChanged(e),this.listener.changed()})}#x(e){if(this.#T(e))return;let t=this.#E(e);if(this.listener.framed(e,t),!this.#w(e))return;let n=e.type===`complete`?this.#l.get()?.[e.response_id]:void 0,r={type:`frame`,frame:e,...n&&{rating:n}};t?this.#D(r):this.#O({...r,at:Date.now()})}#S(e,t){this.#w({session_id:e})&&(this.#t=void 0,this.#O({type:`refused`,failure:U(t)}))}async#C(){let e=this.#t;if(!e||this.#i)return;let t=await this.service.cursorOf(e.session_id,e.visitor_id);this.#t===e&&(this.#i??=t??yn)}#w({session_id:e}){return e!==void 0&&e===this.#t?.session_id}#T(e){return e.session_id!==void 0&&this.#t!==void 0&&!this.#w(e)}#E(e){let{cursor:t}=e.metadata??{};return t!==void 0&&(this.#i===void 0||Cn(t)<=Cn(this.#i))}#D(e){this.#e=qt(this.#e,e),clearTimeout(this.#s),this.#s=setTimeout(()=>this.listener.changed(),bn)}#O(e){this.#k(qt(this.#e,e))}#k(e){e!==this.#e&&(this.#e=e,this.listener.changed())}};function Sn({client_message_id:e,message:t}){return{type:`queued`,key:e,text:t}}function Cn(e){return Number.parseInt(e,10)}function U(e){if(e instanceof a)return{code:e.code,text:e.message};throw e}function wn(e,t){return t-[...e.trim()].length}function Tn(e,t){return e<t/10}function En(e){return e.isComposing||e.keyCode===229}function Dn(e){return e.key===`Enter`&&!e.shiftKey&&!En(e)}function On(e,t){return e.trim()!==``&&wn(e,t)>=0}function kn(e){return!!e&&(!e.isConnected||!Mn(e))}function An(){return matchMedia(`(pointer: coarse)`).matches}function jn(e,t){let n=[...e.querySelectorAll(`a[href], button, textarea, [tabindex='0']`)].filter(Mn),[r,i]=t.shiftKey?[n.at(0),n.at(-1)]:[n.at(-1),n.at(0)];e.getRootNode().activeElement===r&&(t.preventDefault(),i?.focus())}function Mn(e){return e.getClientRects().length>0&&!e.matches(`:disabled`)}var Nn=48,Pn=class{#e=!0;#t=0;get isAtEnd(){return this.#e}scrolled(e){let t=e.scrollTop<this.#t;e.scrollHeight-e.scrollTop-e.clientHeight<=Nn?this.#e=!0:t&&(this.#e=!1),this.#t=e.scrollTop}settle(e){this.#e&&(e.scrollTop=e.scrollHeight,this.#t=e.scrollTop)}stay(){this.#e=!1}toEnd(e){this.#e=!0,this.settle(e)}};async function Fn(e,t,n){let r=t?.getBoundingClientRect().top??0;await n(),t&&(e.scrollTop+=t.getBoundingClientRect().top-r)}var In=v`
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
`,Ln=v`
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
    max-block-size: min(140px, 30dvh); /* whoever zooms in sees more than what is typed */
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
`,Rn=`(max-width: 480px), (max-height: 440px)`,zn=v`
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
  @media ${Ve(Rn)} {
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
    .close,
    form,
    .floating,
    .tools,
    .suggestions {
      display: none;
    }
    /* All of it, and on as many pages as it takes. */
    :host([mode="inline"]) {
      block-size: auto !important; /* whatever the page has on its screen */
      max-block-size: none !important;
    }
    .chat.inline,
    .panel,
    .launched .panel {
      position: static;
      inline-size: auto;
      block-size: auto;
      max-block-size: none;
      overflow: visible;
      box-shadow: none;
      animation: none;
    }
    .stage,
    .log,
    .content {
      display: block;
      overflow: visible;
    }
    .entry {
      content-visibility: visible;
      margin-block-end: 10px;
    }
    .entry .bubble {
      border: 1px solid var(--_line);
      background: none; /* which most browsers don't print */
      color: var(--_text);
    }
  }
`,Bn=v`
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
`,Vn=v`
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
`,Hn=[v`
  :host {
    display: block;
  }
  /* The page's own height for the element wins over this one. */
  :host([mode="inline"]) {
    block-size: var(--verbatim-height, 36rem);
    max-block-size: 100dvh;
  }
  :host([hidden]) {
    display: none;
  }
  /* What a page says of all its elements, or of this one, wins over :host, and would be inherited. */
  .chat {
    all: initial;
    visibility: inherit;
    display: block;
    ${Bn}
    --_radius: var(--verbatim-radius, 18px);
    font: 400 var(--verbatim-font-size, 16px) / 1.5
      var(--verbatim-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif);
    color: var(--_text);
    -webkit-text-size-adjust: 100%;
  }
  @media screen and (prefers-color-scheme: dark) {
    :host(:not([theme="light"])) .chat {
      ${Vn}
    }
  }
  @media screen {
    :host([theme="dark"]) .chat {
      ${Vn}
    }
  }
  *,
  *::after {
    box-sizing: border-box;
  }
  [hidden] {
    display: none !important;
  }
  .chat.inline {
    block-size: 100%;
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
    inset-block-end: var(--verbatim-offset, 20px);
    inset-inline-end: var(--verbatim-offset, 20px);
    inline-size: min(var(--verbatim-width, 400px), calc(100vw - 2 * var(--verbatim-offset, 20px)));
    block-size: min(var(--verbatim-height, 680px), calc(100dvh - 2 * var(--verbatim-offset, 20px)));
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
`,In,v`
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
  /* What is new comes at the end. Were its height a guess, if only for a moment, the end would be lost from sight. */
  .entry:nth-last-child(-n + 10) {
    content-visibility: visible;
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
  .connection {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: center;
    gap: 0 6px;
    padding: 5px 16px;
    border-block-end: 1px solid var(--_line);
    background: var(--_warm);
    font-size: 13px;
    line-height: 1.4;
    text-align: center;
  }
  .connection.connecting {
    animation: appear 0.2s 1s both;
  }
  .floating button {
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
  .floating .icon {
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
`,Ln,zn],Un={heading:`Chat`,"launcher.open":`Open the chat`,"launcher.close":`Close the chat`,"launcher.unread":`Open the chat: {count} new`,"log.label":`Conversation`,"log.earlier":`Show earlier messages`,"log.latest":`Go to the latest message`,"who.visitor":`You said:`,"who.assistant":`{name} said:`,"who.nameless":`The assistant said:`,"composer.label":`Your message`,"composer.placeholder":`Type a message`,"composer.ended":`The conversation has ended`,"composer.send":`Send`,"composer.stop":`Stop the reply`,"composer.left":`{count} characters left`,"composer.over":`{count} characters too many`,"suggestions.label":`Suggestions`,"outgoing.sending":`Sending`,"outgoing.waiting":`Will be sent when the connection is back`,"outgoing.failed":`Not sent.`,"outgoing.retry":`Try again`,"outgoing.retry_anew":`Send in a new conversation`,"reply.typing":`{name} is typing`,"reply.nameless_typing":`A reply is coming`,"reply.stopped":`Stopped`,"reply.length":`The reply is cut short here`,"reply.content_filter":`The rest of the reply was withheld`,"reply.failed":`The reply broke off. Please ask again.`,"reply.interrupted":`Interrupted. The reply starts again.`,"reply.copy":`Copy`,"reply.copied":`Copied`,"reply.up":`Good reply`,"reply.down":`Bad reply`,"notice.idle":`The conversation ends soon if nothing is said.`,"notice.at":`{time}`,"connection.connecting":`Connecting`,"connection.offline":`No connection. Trying again.`,"connection.failed":`The chat can't be used right now.`,"connection.retry":`Try again`,"end.completed":`This conversation is complete.`,"end.idle_timeout":`This conversation has ended because nothing was said for a while.`,"end.expired":`This conversation has expired.`,"end.deleted":`This conversation was ended.`,"end.anew":`Start a new conversation`,"problem.dismiss":`Dismiss`,"error.closed":`The chat was closed.`,"error.conflict":`This message was changed after it was sent. Please send it again.`,"error.copy_refused":`This browser doesn't let the reply be copied.`,"error.error":`Something went wrong. Please try again.`,"error.internal_error":`Something went wrong on our side. Please try again.`,"error.invalid_request":`This can't be sent as it is.`,"error.message_required":`Please type a message first.`,"error.message_too_long":`This message is too long. Please shorten it.`,"error.method_not_allowed":`The chat isn't set up correctly on this page.`,"error.not_connected":`There is no connection to the chat.`,"error.not_found":`The chat isn't set up correctly on this page.`,"error.origin_not_allowed":`The chat isn't allowed on this website.`,"error.left_over":`The conversation before this one has ended.`,"error.lost":`The connection was lost. Please try again.`,"error.outbox_full":`Too many messages are waiting to be sent. Please wait for the connection.`,"error.buffer_full":`Too much arrived at once. Please reload the page.`,"error.rate_limited":`That was a lot at once. It goes on in a moment.`,"error.reply_failed":`The reply broke off. Please ask again.`,"error.reply_interrupted":`The reply was interrupted and starts again.`,"error.reply_not_found":`This reply can't be rated any more.`,"error.reply_timeout":`The reply takes longer than usual.`,"error.session_erased":`This conversation was erased.`,"error.session_expired":`This conversation has expired.`,"error.session_full":`This conversation is full. Please start a new one.`,"error.session_not_active":`This conversation has ended.`,"error.session_not_found":`This conversation isn't there any more.`,"error.too_large":`This is more than can be sent at once.`,"error.too_many_sessions":`Too many conversations are open here. Please reload the page.`,"error.unauthorized":`The chat isn't set up correctly on this page.`,"error.unavailable":`The chat is busy for a moment. Your message is kept, and is sent as soon as it can be.`,"error.unreadable":`The chat has answered with something unexpected.`,"error.visitor_mismatch":`This conversation belongs to somebody else.`,"error.visitor_not_found":`There is no conversation of yours.`};function Wn(e){return{...Un,...e}}function W(e,t){return e.replace(/\{(\w+)\}/g,(e,n)=>String(t[n]??e))}function G(e,{code:t,text:n}){return Kn(e,`error.${t}`)??(n||e[`error.error`])}function Gn(e,t){return Kn(e,`end.${t.code}`)??G(e,t)}function Kn(e,t){return Object.hasOwn(e,t)?e[t]:void 0}var K={ATTRIBUTE:1,CHILD:2,PROPERTY:3,BOOLEAN_ATTRIBUTE:4,EVENT:5,ELEMENT:6},q=e=>(...t)=>({_$litDirective$:e,values:t}),J=class{constructor(e){}get _$AU(){return this._$AM._$AU}_$AT(e,t,n){this._$Ct=e,this._$AM=t,this._$Ci=n}_$AS(e,t){return this.update(e,t)}update(e,t){return this.render(...t)}},qn={},Jn=q(class extends J{constructor(){super(...arguments),this.ot=qn}render(e,t){return t()}update(e,[t,n]){if(Array.isArray(t)){if(Array.isArray(this.ot)&&this.ot.length===t.length&&t.every((e,t)=>e===this.ot[t]))return M}else if(this.ot===t)return M;return this.ot=Array.isArray(t)?Array.from(t):t,this.render(t,n)}}),{I:Yn}=Tt,Xn=e=>e,Zn=e=>e.strings===void 0,Qn=()=>document.createComment(``),Y=(e,t,n)=>{let r=e._$AA.parentNode,i=t===void 0?e._$AB:t._$AA;if(n===void 0)n=new Yn(r.insertBefore(Qn(),i),r.insertBefore(Qn(),i),e,e.options);else{let t=n._$AB.nextSibling,a=n._$AM,o=a!==e;if(o){let t;n._$AQ?.(e),n._$AM=e,n._$AP!==void 0&&(t=e._$AU)!==a._$AU&&n._$AP(t)}if(t!==i||o){let e=n._$AA;for(;e!==t;){let t=Xn(e).nextSibling;Xn(r).insertBefore(e,i),e=t}}}return n},X=(e,t,n=e)=>(e._$AI(t,n),e),$n={},er=(e,t=$n)=>e._$AH=t,tr=e=>e._$AH,nr=e=>{e._$AR(),e._$AA.remove()},rr=(e,t,n)=>{let r=new Map;for(let i=t;i<=n;i++)r.set(e[i],i);return r},ir=q(class extends J{constructor(e){if(super(e),e.type!==K.CHILD)throw Error(`repeat() can only be used in text expressions`)}dt(e,t,n){let r;n===void 0?n=t:t!==void 0&&(r=t);let i=[],a=[],o=0;for(let t of e)i[o]=r?r(t,o):o,a[o]=n(t,o),o++;return{values:a,keys:i}}render(e,t,n){return this.dt(e,t,n).values}update(e,[t,n,r]){let i=tr(e),{values:a,keys:o}=this.dt(t,n,r);if(!Array.isArray(i))return this.ut=o,a;let s=this.ut??=[],c=[],l,u,d=0,f=i.length-1,p=0,m=a.length-1;for(;d<=f&&p<=m;)if(i[d]===null)d++;else if(i[f]===null)f--;else if(s[d]===o[p])c[p]=X(i[d],a[p]),d++,p++;else if(s[f]===o[m])c[m]=X(i[f],a[m]),f--,m--;else if(s[d]===o[m])c[m]=X(i[d],a[m]),Y(e,c[m+1],i[d]),d++,m--;else if(s[f]===o[p])c[p]=X(i[f],a[p]),Y(e,i[d],i[f]),f--,p++;else if(l===void 0&&(l=rr(o,p,m),u=rr(s,d,f)),l.has(s[d])){if(l.has(s[f])){let t=u.get(o[p]),n=t===void 0?null:i[t];if(n===null){let t=Y(e,i[d]);X(t,a[p]),c[p]=t}else c[p]=X(n,a[p]),Y(e,i[d],n),i[t]=null;p++}else nr(i[f]),f--}else nr(i[d]),d++;for(;p<=m;){let t=Y(e,c[m+1]);X(t,a[p]),c[p++]=t}for(;d<=f;){let e=i[d++];e!==null&&nr(e)}return this.ut=o,er(e,c),M}});function Z(e){return A`<svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">${e}</svg>`}var ar=Z(j`<path d="M4 11.5a8 8 0 1 1 3.6 6.7L4 19.5l1.2-3.4A8 8 0 0 1 4 11.5Z" />`),Q=Z(j`<path d="m6 6 12 12M18 6 6 18" />`),or=Z(j`<path d="M12 5v14m-6-6 6 6 6-6" />`),sr=Z(j`<path d="M12 19V5m-6 6 6-6 6 6" />`),cr=Z(j`<rect x="7" y="7" width="10" height="10" rx="1.5" class="filled" />`),lr=Z(j`<rect x="9" y="9" width="11" height="11" rx="2.5" /><path d="M15 5.5A2.5 2.5 0 0 0 12.5 4h-6A2.5 2.5 0 0 0 4 6.5v6A2.5 2.5 0 0 0 5.5 15" />`),ur=Z(j`<path d="m5 12.5 4.5 4.5L19 7.5" />`),dr=Z(j`<path d="M19 12a7 7 0 1 1-2-5l2 2m0-4.5V9h-4.5" />`),fr=j`<path d="M7.5 11v9H4.5a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1h3Zm0 0 3.7-7.3a2.3 2.3 0 0 1 2.6 2.9L13 10h5.4a2 2 0 0 1 2 2.4l-1.2 6a2 2 0 0 1-2 1.6H7.5" />`,pr=Z(fr),mr=Z(j`<g transform="rotate(180 12 12)">${fr}</g>`),hr=q(class extends J{constructor(e){if(super(e),e.type!==K.PROPERTY&&e.type!==K.ATTRIBUTE&&e.type!==K.BOOLEAN_ATTRIBUTE)throw Error("The `live` directive is not allowed on child or event bindings");if(!Zn(e))throw Error("`live` bindings can only contain a single expression")}render(e){return e}update(e,[t]){if(t===M||t===N)return t;let n=e.element,r=e.name;if(e.type===K.PROPERTY){if(t===n[r])return M}else if(e.type===K.BOOLEAN_ATTRIBUTE){if(!!t===n.hasAttribute(r))return M}else if(e.type===K.ATTRIBUTE&&n.getAttribute(r)===t+``)return M;return er(e),t}});function gr({texts:e,thread:t,persona:n,draft:r,actions:i}){let a=n.maxMessageChars,o=wn(r,a),s=Tn(o,a),c=t.end!==void 0,l=e=>{e.preventDefault(),i.submit()};return A`<form part="composer" @submit=${l}>
      <div class="field" part="field" data-text=${r}>
        <textarea part="input" rows="1" dir=${r?`auto`:N} enterkeyhint="send" aria-label=${e[`composer.label`]}
          placeholder=${e[c?`composer.ended`:`composer.placeholder`]} ?disabled=${c}
          aria-invalid=${o<0} aria-describedby=${s?`count`:N}
          .value=${hr(r)} @input=${e=>i.typed(e.target.value)} @keydown=${e=>{Dn(e)&&l(e)}}></textarea>
      </div>
      <button type="submit" class="send" part="send" aria-label=${e[`composer.send`]} title=${e[`composer.send`]}
        aria-disabled=${c||!On(r,a)}>${sr}</button>
    </form>
    <div id="count" class="count ${o<0?`over`:``}" ?hidden=${!s}>
      ${W(e[o<0?`composer.over`:`composer.left`],{count:Math.abs(o)})}
    </div>`}function _r(e,t){return new Intl.DateTimeFormat(vr(t),{hour:`numeric`,minute:`2-digit`}).format(e)}function vr(e){try{return Intl.getCanonicalLocales(e)[0]}catch{return}}var yr=q(class extends J{#e=document.createTextNode(``);render(e){let t=this.#e.data;return e.startsWith(t)?this.#e.appendData(e.slice(t.length)):this.#e.data=e,this.#e}});function br(e){let{texts:t,thread:n,from:r,actions:i,persona:a}=e,o=n.entries.slice(r),s=A`<button type="button" class="quiet earlier" part="button earlier" @click=${i.showEarlier}>
    ${t[`log.earlier`]}
  </button>`;return A`
    ${r>0?s:N} ${r===0&&a.greeting?Cr(e):N}
    ${ir(o,({key:e})=>e,t=>xr(t,e))}
    ${Yt(n)?Or(e):N}
    ${n.end?jr(e):N}
    ${ir(n.outgoing,({key:e})=>e,t=>kr(t,e))} ${Ar(e)}
  `}function xr(e,t){let{texts:n,persona:r,markdown:i,lang:a,copied:o}=t;return Jn([e,n,r,i,a,o===e.key],()=>e.kind===`said`?Sr(e,t):e.kind===`reply`?wr(e,t):Dr(e,t))}function Sr({text:e},{texts:t}){return A`<div class="entry visitor" part="entry visitor">
    <span class="spoken">${t[`who.visitor`]}</span>
    <div class="bubble" part="bubble visitor-bubble" dir="auto">${e}</div>
  </div>`}function Cr(e){let{persona:t,markdown:n}=e;return A`<div class="entry assistant" part="entry assistant">
    ${Mr(e)}
    <div class="bubble" part="bubble assistant-bubble" dir="auto">${Tr(t.greeting,n)}</div>
  </div>`}function wr(e,t){let{text:n,outcome:r}=e,i=r===`open`,a=i||r===`whole`?``:t.texts[`reply.${r}`],o=A`<div class="bubble ${i?`open`:``}" part="bubble assistant-bubble" dir="auto">${i?yr(n):Tr(n,t.markdown)}</div>`;return A`<div class="entry assistant ${r}" part="entry assistant">
    ${Mr(t)} ${n||i?o:N}
    ${a?A`<div class="note" part="note">${a}</div>`:N}
    ${i||!n?N:Er(e,t)}
  </div>`}function Tr(e,t){return t?A`<div class="markdown">${Jn([e,t],()=>t.rendered(e))}</div>`:yr(e)}function Er({key:e,text:t,responseId:n,rating:r},{texts:i,copied:a,actions:o}){let s=a===e,c=i[s?`reply.copied`:`reply.copy`],l=A`<button type="button" class="tool" part="tool copy" title=${c} aria-label=${c}
    @click=${()=>o.copy?.(e,t)}>${s?ur:lr}</button>`,u=t=>A`<button type="button" class="tool" part="tool ${t}"
    title=${i[`reply.${t}`]} aria-label=${i[`reply.${t}`]} aria-pressed=${r===t}
    @click=${()=>o.rate(e,t)}>${t===`up`?pr:mr}</button>`;return A`<div class="tools" part="tools">${o.copy?l:N}${n?[u(`up`),u(`down`)]:N}</div>`}function Dr({about:e,text:t,at:n},{texts:r,lang:i}){let a=n===void 0?``:W(r[`notice.at`],{time:_r(n,i)}),o=e===`idle_warning`?r[`notice.idle`]:``;return A`<div class="entry notice ${e}" part="entry notice">
    <div class="bubble" part="bubble notice-bubble" dir="auto">${t}</div>
    ${o||a?A`<div class="note" part="note">${[o,a].filter(Boolean).join(` · `)}</div>`:N}
  </div>`}function Or({texts:e,persona:t}){return A`<div class="entry assistant" part="entry assistant">
    <div class="bubble typing" part="bubble typing"><span class="spoken">${t.name?W(e[`reply.typing`],{name:t.name}):e[`reply.nameless_typing`]}</span><i></i><i></i><i></i></div>
  </div>`}function kr({key:e,text:t,failure:n},{texts:r,state:i,thread:a,actions:o}){let s=A`<div class="note patient" part="note">${r[i===`offline`||i===`failed`?`outgoing.waiting`:`outgoing.sending`]}</div>`,c=r[a.end?`outgoing.retry_anew`:`outgoing.retry`],l=n&&A`<div class="note failure" part="note failure">
    <span>${r[`outgoing.failed`]} ${G(r,n)}</span>
    <button type="button" class="quiet" part="button retry" @click=${()=>o.retry(e)}>${dr}${c}</button>
    <button type="button" class="tool" part="tool dismiss" aria-label=${r[`problem.dismiss`]}
      title=${r[`problem.dismiss`]} @click=${()=>o.withdraw(e)}>${Q}</button>
  </div>`;return A`<div class="entry visitor outgoing ${n?`failed`:``}" part="entry visitor outgoing">
    <span class="spoken">${r[`who.visitor`]}</span>
    <div class="bubble" part="bubble visitor-bubble" dir="auto">${t}</div>
    ${l??s}
  </div>`}function Ar({thread:e,persona:t,texts:n,actions:r}){let i=Qt(e)?t.suggestions:e.suggestions;return!i.length||e.end?N:A`<div class="suggestions" part="suggestions" role="group" aria-label=${n[`suggestions.label`]}>
    ${i.map(e=>A`<button type="button" class="chip" part="suggestion" dir="auto"
    @click=${()=>r.suggest(e)}>${e}</button>`)}
  </div>`}function jr({thread:e,texts:t,actions:n}){return A`<div class="ending" part="ending">
    <div>${e.end&&Gn(t,e.end)}</div>
    <button type="button" class="primary anew" part="button anew" @click=${n.startAgain}>${t[`end.anew`]}</button>
  </div>`}function Mr({texts:e,persona:t}){return A`<span class="spoken">${t.name?W(e[`who.assistant`],{name:t.name}):e[`who.nameless`]}</span>`}function Nr(e){let{isInline:t,isOpen:n,isModal:r,heading:i,texts:a,copied:o,actions:s}=e;return A`<section class="chat ${t?`inline`:`launched`}" aria-label=${i}
    @keydown=${Pr} @keypress=${Pr} @keyup=${Pr}>
    ${t?N:Fr(e)}
    <div id="panel" class="panel" part="panel" role=${t?N:`dialog`}
      aria-modal=${r||N} aria-labelledby=${t?N:`heading`} ?hidden=${!t&&!n} @keydown=${e=>{e.key===`Escape`&&!En(e)&&!t&&s.close(),e.key===`Tab`&&r&&jn(e.currentTarget,e)}}>
      ${Ir(e)} <div class="line" role="status">${Rr(e)}</div> ${Lr(e)} ${Vr(e)} ${gr(e)}
      <div class="spoken news" role="status" aria-atomic="false">${Br(e)}</div>
      <div class="spoken" role="status">${o===void 0?``:a[`reply.copied`]}</div>
    </div>
  </section>`}function Pr(e){e.target instanceof HTMLTextAreaElement&&e.stopPropagation()}function Fr({texts:e,isOpen:t,unread:n,actions:r}){let i=n?W(e[`launcher.unread`],{count:n}):e[`launcher.open`],a=A`<span class="badge" part="badge" aria-hidden="true">${n}</span>`;return A`<button type="button" class="launcher" part="launcher" aria-haspopup="dialog" aria-label=${i}
    ?hidden=${t} @click=${r.open}>${ar} ${n?a:N}</button>`}function Ir({persona:e,heading:t,texts:n,isInline:r,actions:i}){let a=[...e.name||t][0]??``,o=e.avatar?A`<img src=${e.avatar} alt="" width="38" height="38" />`:a,s=A`<button type="button" class="tool close" part="tool close" aria-label=${n[`launcher.close`]}
    title=${n[`launcher.close`]} @click=${i.close}>${Q}</button>`;return A`<header part="header">
    <div class="avatar" part="avatar" aria-hidden="true">${o}</div>
    <div class="titles">
      <h2 id="heading" part="heading" dir="auto">${t}</h2>
      ${e.role?A`<p part="role" dir="auto">${e.role}</p>`:N}
    </div>
    ${r?N:s}
  </header>`}function Lr(e){let{texts:t,thread:n,isAtEnd:r,actions:i}=e,a=Yt(n)||Jt(n)!==void 0,o=A`<button type="button" class="stop" part="button stop" @click=${i.stop}>
    ${cr}${t[`composer.stop`]}
  </button>`,s=A`<button type="button" class="latest" part="button latest" aria-label=${t[`log.latest`]}
    title=${t[`log.latest`]} @click=${i.toEnd}>${or}</button>`;return A`<div class="stage">
    <div class="log" part="log" role="log" aria-live="off" aria-busy=${a} aria-label=${t[`log.label`]}
      tabindex="0" @scroll=${i.scrolled}><div class="content">${br(e)}</div></div>
    <div class="floating">${a?o:N} ${r?N:s}</div>
  </div>`}function Rr(e){let{thread:t,state:n,failure:r,texts:i,actions:a}=e;if(t.end)return zr(e);if(n===`connecting`)return A`<div class="connection connecting" part="connection" aria-hidden="true">${i[`connection.connecting`]}</div>`;if(n===`offline`)return A`<div class="connection" part="connection">${i[`connection.offline`]}</div>`;if(n!==`failed`)return N;let o=A`<button type="button" class="quiet" part="button reconnect" @click=${a.reconnect}>
    ${i[`connection.retry`]}
  </button>`;return A`<div class="connection failed" part="connection">
    ${r?G(i,r):i[`connection.failed`]}
    ${r?.code===`origin_not_allowed`?N:o}
  </div>`}function zr({thread:{end:e,alarm:t},texts:n}){return!e||t?.code===e.code?N:A`<div class="spoken">${Gn(n,e)}</div>`}function Br({thread:e,markdown:t}){let n=e=>Jn([e,t],()=>t?t.plain(e):e);return ir(e.news,e=>e,({text:e})=>A`<p>${n(e)}</p>`)}function Vr({thread:e,texts:t,actions:n}){let r=e.alarm?G(t,e.alarm):``,i=e.alarm&&!e.alarm.isShown,a=A`<button type="button" class="tool" part="tool dismiss" aria-label=${t[`problem.dismiss`]}
    title=${t[`problem.dismiss`]} @click=${n.dismiss}>${Q}</button>`;return A`<div class=${i?`alarm`:`spoken`} part="alarm">
    <div role="alert">${r}</div>
    ${i?a:N}
  </div>`}var Hr=200,Ur=2e3,$=class e extends R{static{this.styles=Hn}static{this.properties={mode:{type:String,reflect:!0},service:{type:String},sessionId:{type:String,attribute:`session-id`},visitorId:{type:String,attribute:`visitor-id`},heading:{type:String},theme:{type:String,reflect:!0},isOpen:{type:Boolean,attribute:`open`,reflect:!0},markdown:{type:Boolean},texts:{type:Object}}}static{this.home=`/`}#e;#t;#n=jt;#r;#i=Un;#a=!1;#o=!1;#s;#c=!1;#l=``;#u;#d=0;#f=[];#p=0;#m;#h=new Pn;#g=matchMedia(Rn);#_=()=>this.requestUpdate();#v=new ResizeObserver(()=>this.#h.settle(this.#J));#y={changed:()=>this.#P(),framed:(e,t)=>this.#L(e,t),stateChanged:e=>this.#F(e),joined:e=>this.#R(`session`,{session_id:e}),barred:()=>this.#I()};#b={open:()=>this.open(),close:()=>this.close(),reconnect:()=>this.client.connect(),dismiss:()=>this.#S.dismiss(),startAgain:()=>this.startAgain(),suggest:e=>this.send(e),retry:e=>this.#S.retry(e),withdraw:e=>this.#S.withdraw(e),stop:()=>this.#S.stop(),rate:(e,t)=>void this.#S.rate(e,t),copy:isSecureContext?(e,t)=>void this.#z(e,t):void 0,showEarlier:()=>void this.#q(),toEnd:()=>this.#G(),scrolled:()=>this.#K(),typed:e=>this.#V(e),submit:()=>this.#H()};constructor(){super(),this.mode=`launcher`,this.service=this.sessionId=this.visitorId=this.heading=``,this.theme=`auto`,this.isOpen=this.markdown=!1,this.texts=null}get client(){return this.#S.client}open(){this.#M(!0)}close(){this.#M(!1)}toggle(){this.#M(!this.isOpen)}send(e){e.trim()&&(this.#S.send(e),this.#G())}startAgain(){this.#S.startAgain()}connectedCallback(){super.connectedCallback(),this.#g.addEventListener(`change`,this.#_),this.hasUpdated&&(this.#S.resume(),this.requestUpdate())}disconnectedCallback(){super.disconnectedCallback(),this.#g.removeEventListener(`change`,this.#_),this.#E()}async scheduleUpdate(){await new Promise(requestAnimationFrame),await super.scheduleUpdate()}willUpdate(e){this.#m=this.shadowRoot?.activeElement,this.hasUpdated||this.#N(),(e.has(`service`)||e.has(`sessionId`)||e.has(`visitorId`))&&this.#T(),e.has(`texts`)&&(this.#i=Wn(this.texts)),this.isConnected&&this.#D(),this.isOpen&&(this.#d=0);let{length:t}=this.#S.thread.entries;this.#p=this.#h.isAtEnd?Math.max(0,t-Hr):Math.min(this.#p,t)}firstUpdated(){this.#v.observe(this.#J),this.#v.observe(this.#Y(`.content`))}updated(e){let t=e.has(`isOpen`)&&e.get(`isOpen`)!==void 0;t&&(this.#A.set(this.isOpen),this.#R(`open`,{isOpen:this.isOpen})),(t&&this.isOpen||kn(this.#m))&&this.#W()}render(){return Nr(this.#x())}#x(){return{texts:this.#i,lang:this.closest(`[lang]`)?.getAttribute(`lang`)??``,heading:this.heading||this.#n.name||this.#i.heading,persona:this.#n,isInline:this.mode===`inline`,isOpen:this.isOpen,isModal:this.mode!==`inline`&&this.isOpen&&this.#g.matches,unread:this.#d,state:this.#S.state,failure:this.#S.failure,thread:this.#S.thread,from:this.#p,isAtEnd:this.#h.isAtEnd,copied:this.#u,markdown:this.markdown?this.#s:void 0,draft:this.#l,actions:this.#b}}get#S(){return this.#t??=this.#w()}get#C(){return this.#e??=Pt(this.service,e.home)}#w(){return new xn(this.#C,this.#y,Ft(this.sessionId,this.visitorId))}#T(){this.hasUpdated&&(this.#E(),this.#e=this.#t=void 0),this.isConnected&&this.#S.resume()}#E(){this.#t?.leave(),this.#r?.abort(),this.#r=void 0}#D(){(this.#U||this.#S.hasSession)&&this.#O(),this.markdown&&this.#k()}async#O(){if(this.#r)return;let{signal:e}=this.#r=new AbortController;try{let t=await Ht(()=>this.#C.persona(),()=>void 0,e);if(e.aborted)return;this.#n=t,this.requestUpdate()}catch(t){t instanceof a&&t.code===`origin_not_allowed`&&!e.aborted&&this.#S.bar(t)}}async#k(){if(this.#a)return;this.#a=!0;let t=await e.loadMarkdown?.().catch(()=>void 0);this.#o=t!==void 0,t?.isAllowed()&&(this.#s=t,this.requestUpdate())}get#A(){return new z(this.#C.keyOf(`open`),Rt)}get#j(){return new z(this.#C.keyOf(`draft`),B)}#M(e){this.#c=!0,this.isOpen=e}#N(){this.#c?this.#A.set(this.isOpen):this.isOpen=this.#A.get()??this.isOpen,this.#l=this.#j.get()??``}#P(){let{news:e}=this.#S.thread;this.#U||(this.#d+=e.filter(e=>!this.#f.includes(e)).length),this.#f=e,this.requestUpdate()}#F(e){e.state===`open`&&(this.#a=this.#o),this.#R(`state`,e)}#I(){let e=location.protocol.startsWith(`http`)?`name it in the service's VERBATIM_ALLOWED_ORIGINS`:`open it over HTTP, a file has no origin to be named`;console.error(`<verbatim-chat>: pages of ${location.origin} may not use ${this.#C.socket}: ${e}`)}#L(e,t){if(this.#R(`frame`,e),t||(e.type===`message`&&this.#R(`message`,{who:`visitor`,text:e.message,message_id:e.message_id}),e.type!==`complete`))return;let{message:n=``,message_id:r,response_id:i}=e;this.#R(`message`,{who:`assistant`,text:n,message_id:r,response_id:i})}#R(e,t){this.dispatchEvent(new CustomEvent(`verbatim-${e}`,{detail:t,bubbles:!0,composed:!0}))}async#z(e,t){try{await navigator.clipboard.writeText(t),this.#B(e),setTimeout(()=>{this.#u===e&&this.#B(void 0)},Ur)}catch{this.#S.complain({code:`copy_refused`,text:``})}}#B(e){this.#u=e,this.requestUpdate()}#V(e){this.#l=e,this.#j.set(e||void 0),this.requestUpdate()}#H(){let e=this.#n.maxMessageChars;wn(this.#l,e)<0&&this.#S.complain({code:`message_too_long`,text:``}),!this.#S.thread.end&&On(this.#l,e)&&(this.send(this.#l.trim()),this.#V(``),An()||this.#W())}get#U(){return this.mode===`inline`||this.isOpen}#W(){let e=this.#S.thread.end||An()?`.log`:`textarea`;this.#Y(this.#U?e:`.launcher`).focus({preventScroll:!0})}#G(){this.#h.toEnd(this.#J),this.requestUpdate()}#K(){let e=this.#h.isAtEnd;this.#h.scrolled(this.#J),this.#h.isAtEnd!==e&&this.requestUpdate()}async#q(){await Fn(this.#J,this.#Y(`.entry`),()=>(this.#h.stay(),this.#p=Math.max(0,this.#p-Hr),this.requestUpdate(),this.updateComplete)),this.#p===0&&this.#J.focus({preventScroll:!0})}get#J(){return this.#Y(`.log`)}#Y(e){return this.shadowRoot?.querySelector(e)??this}},Wr=document.currentScript;if(!customElements.get(`verbatim-chat`)){Wr?.src&&($.home=new URL(`..`,Wr.src).href);let e=new URL(`static/verbatim-chat-markdown.js`,new URL($.home,document.baseURI)).href,t=0,n=()=>t++?`${e}?${t}`:e;$.loadMarkdown=()=>import(n()),customElements.define(`verbatim-chat`,$);let r=Wr?.dataset;r?.launcher!==void 0&&Kr(()=>Gr(r))}function Gr(e){if(document.querySelector(`verbatim-chat`))return;let t=document.createElement(`verbatim-chat`);for(let[n,r]of Object.entries(e))n!==`launcher`&&t.setAttribute(qr(n),r??``);document.body.append(t)}function Kr(e){document.readyState===`loading`?document.addEventListener(`DOMContentLoaded`,e,{once:!0}):e()}function qr(e){return e.replace(/[A-Z]/g,e=>`-${e.toLowerCase()}`)}})();