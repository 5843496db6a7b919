// What pages of clients that give out frames make of them: a line for each reply and notice, the last of which is open.
export interface Frame {
  readonly type: string;
  readonly chunk?: string;
  readonly message?: string;
  readonly error?: string;
}

export type Lines = readonly string[];

export function added(lines: Lines, { type, chunk = "", message = "" }: Frame): Lines {
  const open = lines.at(-1) ?? "";
  switch (type) {
    case "connected":
      return lines.with(-1, ""); // a reply in progress comes from its start
    case "chunk":
      return lines.with(-1, open + chunk);
    case "complete":
      return [...lines, ""];
    case "idle_warning":
      return [...lines.slice(0, -1), message, open];
    default:
      return lines;
  }
}
