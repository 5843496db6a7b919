// Where to connect, and where sessions are started, from the one URL that a page gives.

export interface Addresses {
  readonly socket: string;
  readonly sessions: string;
}

/** Throws TypeError for what is no URL. */
export function addressesOf(given: string): Addresses {
  const { location: page } = globalThis as { location?: Location };
  const { protocol, host, pathname } = new URL(given, page?.href);
  // A page that was loaded over TLS may open no other sockets.
  const suffix = page?.protocol === "https:" || /^(https|wss):/.test(protocol) ? "s" : "";
  return {
    // No query: the session is joined by a frame, which no proxy writes into its log.
    socket: `ws${suffix}://${host}${pathname}`,
    sessions: `http${suffix}://${host}${pathname.replace(/(\/ws\/chat)?\/?$/, "/api/chats/sessions/")}`,
  };
}
