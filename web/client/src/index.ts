// What `@verbatim/chat-client` offers.
export type { ChunkMessage, CompleteMessage } from "./callbacks.js";
export { ChatWebSocket } from "./client.js";
export type { WebSocketClass } from "./connection.js";
export { ChatError, type ClientErrorCode } from "./errors.js";
export type { ChatEvents, FrameEvents } from "./events.js";
export type * from "./frames.js";
export { LIMITS, SUBPROTOCOL } from "./frames.js";
export type { ChatOptions, Timing } from "./options.js";
export type { OutgoingMessage } from "./outbox.js";
export type { Pace } from "./pace.js";
export type { FollowedSession } from "./sessions.js";
export type { State, StateChange } from "./states.js";
export type { KeyValueStorage } from "./store.js";
