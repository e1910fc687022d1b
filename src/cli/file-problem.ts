import { statSync } from "node:fs";
import { messageOf } from "../core/failure/message-of.ts";

/**
 * Why a path is none of a file, or of a pipe such as /dev/stdin, that can be read: for an option that names
 * one. Undefined if it is.
 */
export function fileProblem(path: string): string | undefined {
  try {
    return statSync(path).isDirectory() ? "expected a file" : undefined;
  } catch (error) {
    return messageOf(error);
  }
}
