import { statSync } from "node:fs";
import { messageOf } from "../src/core/failure/message-of.ts";

/** Why an option's path names no readable file, nor a pipe such as /dev/stdin; undefined if it does. */
export function fileProblem(path: string): string | undefined {
  try {
    return statSync(path).isDirectory() ? "expected a file" : undefined;
  } catch (error) {
    return messageOf(error);
  }
}
