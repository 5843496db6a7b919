// The component: what was said, what waits, what may be said next.
import { useState, type SubmitEvent, type ReactElement } from "react";
import { useChat } from "./useChat.js";

export function Chat({ url }: { readonly url: string }): ReactElement {
  const { entries, queued, suggestions, state, problem, say } = useChat(url);
  const [draft, setDraft] = useState("");

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setDraft("");
    if (!(await say(draft))) setDraft((typed) => typed || draft); // what was typed meanwhile stays
  };

  return (
    <section className="chat">
      <div role="log" aria-label="Conversation">
        {entries.map(({ id, who, text, openReplyTo }) => (
          <p key={id} className={who} aria-busy={openReplyTo !== undefined}>
            {text}
          </p>
        ))}
        {queued.map(({ id, text }) => (
          <p key={id} className="queued">
            {text}
          </p>
        ))}
      </div>
      <p role="status">{state}</p>
      {problem && <p role="alert">{problem}</p>}
      {suggestions.map((text) => (
        <button key={text} onClick={() => void say(text)}>
          {text}
        </button>
      ))}
      <form onSubmit={(event) => void submit(event)}>
        <input aria-label="Your message" value={draft} onChange={(event) => setDraft(event.target.value)} required />
        <button>Send</button>
      </form>
    </section>
  );
}
