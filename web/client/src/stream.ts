// Frames for `for await`. They wait in a buffer for whoever reads them, but not without end: a reader that falls too far
// behind is told so, for a frame that is left out would be words that are missing.
import { ChatError } from "./errors.js";
import type { ServerFrame } from "./frames.js";

interface Reader {
  readonly give: (result: IteratorResult<ServerFrame, undefined>) => void;
  readonly fail: (error: ChatError) => void;
}

export class FrameStream implements AsyncIterableIterator<ServerFrame, undefined> {
  #frames: ServerFrame[] = [];
  #readers: Reader[] = [];
  #end: { readonly error: ChatError | undefined } | undefined;

  constructor(
    private readonly most: number,
    private readonly left: () => void,
  ) {}

  push(frame: ServerFrame): void {
    if (this.#end) return;
    const reader = this.#readers.shift();
    if (reader) reader.give({ done: false, value: frame });
    else if (this.#frames.length < this.most) this.#frames.push(frame);
    else this.end(new ChatError(`The reader is more than ${this.most} frames behind`, "buffer_full", frame.session_id));
  }

  /** No more frames come. What is in the buffer is still given out, and then the error, if there is one. */
  end(error?: ChatError): void {
    if (this.#end) return;
    this.#end = { error };
    this.left();
    for (const reader of this.#readers.splice(0)) this.#finish(reader);
  }

  next(): Promise<IteratorResult<ServerFrame, undefined>> {
    return new Promise((give, fail) => {
      const frame = this.#frames.shift();
      if (frame) give({ done: false, value: frame });
      else if (this.#end) this.#finish({ give, fail });
      else this.#readers.push({ give, fail });
    });
  }

  return(): Promise<IteratorResult<ServerFrame, undefined>> {
    this.#frames = [];
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #finish({ give, fail }: Reader): void {
    const error = this.#end?.error;
    this.#end = { error: undefined }; // it is told once
    if (error) fail(error);
    else give({ done: true, value: undefined });
  }
}
