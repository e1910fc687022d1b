import type { Readable } from "node:stream";

/**
 * Splits a stream of UTF-8 text into its lines, as they come; a last line without an end is dropped, since
 * it was cut off. Throws if a line is longer than `lengthMax` characters.
 */
export async function* readLines(
  stream: Readable,
  lengthMax: number,
): AsyncGenerator<string, void, undefined> {
  stream.setEncoding("utf8");
  let rest = "";
  for await (const chunk of stream as AsyncIterable<string>) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > lengthMax) throw new Error(`a line has more than ${lengthMax} characters`);
    for (const line of lines) if (line !== "") yield line;
  }
}
