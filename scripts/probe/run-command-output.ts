import type { Json } from "./arm-http.ts";

/** What a script has written to its streams. */
export interface ScriptStreams {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The streams of a run command's answer. Azure reports them in one of two forms: as two statuses, whose codes
 * begin with `ComponentStatus/StdOut` and `ComponentStatus/StdErr`, or as one message with both of them.
 */
export function readOutput(body: Json): ScriptStreams {
  const { value = [] } = (body ?? {}) as {
    readonly value?: readonly { readonly code?: string; readonly message?: string }[];
  };
  const of = (stream: string): string | undefined =>
    value.find(({ code = "" }) => code.startsWith(`ComponentStatus/${stream}/`))?.message;
  const [own, ownErr] = [of("StdOut"), of("StdErr")];
  if (own !== undefined || ownErr !== undefined) return { stdout: own ?? "", stderr: ownErr ?? "" };
  const [, stdout = "", stderr = ""] =
    /\[stdout\]\n([^]*)\n\[stderr\]\n?([^]*)$/u.exec(value[0]?.message ?? "") ?? [];
  return { stdout, stderr };
}
