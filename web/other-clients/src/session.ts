// The session that the page's own URL names: whoever made the page has started it. A socket that names it in its URL gets
// what is said in it, also after it was connected again.
const query = new URLSearchParams(location.search);

export const session = { session_id: query.get("session_id"), visitor_id: query.get("visitor_id") };
export const url = `ws://127.0.0.1:8000/ws/chat/${location.search}`;
