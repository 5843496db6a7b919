// The moments in which a connection is worth trying again at once: the network is back, or somebody looks.

/** Call back in such moments. What is returned stops it. Does nothing where there is no browser. */
export function onWake(callback: () => void): () => void {
  const { window, document } = globalThis as { window?: EventTarget; document?: Document };
  const looked = () => {
    if (document?.visibilityState === "visible") callback();
  };
  window?.addEventListener("online", callback);
  document?.addEventListener("visibilitychange", looked);
  return () => {
    window?.removeEventListener("online", callback);
    document?.removeEventListener("visibilitychange", looked);
  };
}
