// What React's types are told of `<verbatim-chat>`: copy it beside your components.
import type { VerbatimChat } from "@verbatim/chat-widget";

type ChatAttributes = Pick<VerbatimChat, "mode" | "service" | "heading" | "theme" | "markdown" | "texts">;

declare module "react" {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace JSX {
    interface IntrinsicElements {
      "verbatim-chat": DetailedHTMLProps<HTMLAttributes<VerbatimChat>, VerbatimChat> & Partial<ChatAttributes>;
    }
  }
}
