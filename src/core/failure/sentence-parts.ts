import { nameList } from "./name-list.ts";

/** A value in quotation marks, with control characters escaped. */
export function quote(value: string): string {
  return JSON.stringify(value);
}

/** Names by comma; without a name, another VM. */
export function listOf(names: readonly string[]): string {
  return names.length === 0 ? "another VM" : nameList(names);
}

/** The users of a volume in brackets, if they are known. */
export function usersOf(users: readonly string[]): string {
  return users.length === 0 ? "" : ` (${nameList(users)})`;
}
