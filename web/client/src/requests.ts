// What was sent on this connection and awaits its answer. The service takes frames one after another and answers in that
// order: whatever an answer passes over will get none. Of `stop` and `feedback` that means that they are done, of all else
// that the connection can't be relied on.
import { errorOf, type ChatError } from "./errors.js";
import type { ClientFrame, ErrorFrame, ServerFrame } from "./frames.js";

export interface Request {
  /** What was sent is done, as this frame says, which may answer something later. */
  done?(frame: ServerFrame): void;
  refused?(error: ChatError): void;
  /** The connection was lost before there was an answer. */
  lost?(): void;
}

/** Send a frame, and have the request told what becomes of it. */
export type Send = (frame: ClientFrame, request: Request) => void;

interface Waiting {
  readonly sent: ClientFrame;
  readonly request: Request;
}

export class Requests {
  readonly #waiting: Waiting[] = [];

  /** `passedOver` is called when something will get no answer that should have one. */
  constructor(private readonly passedOver: () => void) {}

  get isEmpty(): boolean {
    return !this.#waiting.length;
  }

  add(sent: ClientFrame, request: Request): void {
    this.#waiting.push({ sent, request });
  }

  /** Tell whoever waits for this frame. */
  receive(frame: ServerFrame): void {
    const index = this.#waiting.findIndex(({ sent }) => answers(frame, sent));
    const answered = this.#waiting[index];
    if (!answered) return;
    const passed = this.#waiting.slice(0, index);
    if (!passed.every(({ sent }) => isSilent(sent))) {
      this.passedOver();
      return;
    }
    this.#waiting.splice(0, index + 1);
    for (const { request } of passed) request.done?.(frame);
    if (frame.type === "error") answered.request.refused?.(errorOf(frame));
    else answered.request.done?.(frame);
  }

  loseAll(): void {
    for (const { request } of this.#waiting.splice(0)) request.lost?.();
  }
}

/** Whether it is answered only where it is refused. */
function isSilent({ type }: ClientFrame): boolean {
  return type === "stop" || type === "feedback";
}

function answers(frame: ServerFrame, sent: ClientFrame): boolean {
  switch (frame.type) {
    case "connected":
      return sent.type === "join" && sent.session_id === frame.session_id;
    case "accepted":
      return sent.type === "chat_message" && sent.client_message_id === frame.metadata.client_message_id;
    case "pong":
      return sent.type === "ping";
    case "error":
      return refuses(frame, sent);
    default:
      return false;
  }
}

/** Whether an error answers what was sent. One that tells of a reply, or why the connection is closed, answers nothing. */
function refuses({ session_id, metadata: { cursor, client_message_id } }: ErrorFrame, sent: ClientFrame): boolean {
  if (cursor || sent.type === "ping") return false;
  if (sent.type === "chat_message") return sent.client_message_id === client_message_id;
  return !client_message_id && sent.session_id === session_id;
}
