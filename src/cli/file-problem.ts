import { statSync } from "node:fs";
import { messageOf } from "../core/failure/message-of.ts";

/** Why a path is none of a file that can be read: for an option that names one. Undefined if it is. */
export function fileProblem(path: string): string | undefined {
  try {
    return statSync(path).isFile() ? undefined : "expected a file";
  } catch (error) {
    return messageOf(error);
  }
}
