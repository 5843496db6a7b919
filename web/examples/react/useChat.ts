// The hook: a conversation, as React sees it.
import { useMemo, useSyncExternalStore } from "react";
import { Conversation, NOTHING, type View } from "../conversation.js";

/** Chat with the service whose socket this is, for as long as the component is there. */
export function useChat(url: string): View & Pick<Conversation, "say"> {
  const conversation = useMemo(() => new Conversation(url), [url]);
  const view = useSyncExternalStore(conversation.subscribe, conversation.view, () => NOTHING);
  return { ...view, say: conversation.say };
}
