// The composable: a conversation, as Vue sees it.
import { onMounted, onUnmounted, shallowRef, type ShallowRef } from "vue";
import { Conversation, type View } from "../conversation.js";

export interface Chat {
  readonly view: Readonly<ShallowRef<View>>;
  readonly say: Conversation["say"];
}

/** Chat with the service whose socket this is, for as long as the component is there. */
export function useChat(url: string): Chat {
  const conversation = new Conversation(url);
  const view = shallowRef(conversation.view());
  let leave: () => void;
  onMounted(() => (leave = conversation.subscribe(() => (view.value = conversation.view()))));
  onUnmounted(() => leave());
  return { view, say: conversation.say };
}
