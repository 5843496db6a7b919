// What the client is doing.

/**
 * - `idle`: `connect()` hasn't been called yet.
 * - `connecting`: the first attempt since then.
 * - `resuming`: there is a connection, and the sessions are being joined where they were left.
 * - `open`: what is sent goes out at once.
 * - `offline`: the connection is lost, and the next attempt comes by itself. What is sent is kept.
 * - `closed`: by `close()`, for good, until `connect()` is called.
 * - `failed`: the service has closed with 44xx and wants no other attempt. `failure` says why.
 */
export type State = "idle" | "connecting" | "open" | "resuming" | "offline" | "closed" | "failed";

/** A change of state. */
export interface StateChange {
  readonly state: State;
  readonly previous: State;
}
