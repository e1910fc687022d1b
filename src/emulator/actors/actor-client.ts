import type { ArmAnswer, ArmMethod, ArmRequest } from "../model/api/arm-message.ts";
import { type Json, type JsonObject, isObject, listAt, textAt } from "../model/api/json.ts";

const API_VERSION = "2025-04-01";
const POLL_MS = 5000;
const OK = 200;
const REFUSED_MIN = 300;

/** Azure as one actor calls it. */
export interface ActorClient {
  /** Sends a call below the resource group's compute provider, or to an ARM id. */
  send(method: ArmMethod, path: string, body?: Json): ArmAnswer;
  /** The name by which a journal shows its calls. */
  readonly name: string;
}

/** The client of one actor, through the front door that all others use. */
export function createActorClient(
  handle: (request: ArmRequest) => ArmAnswer,
  { name, compute }: { readonly name: string; readonly compute: string },
): ActorClient {
  return {
    name,
    send: (method, path, body) => {
      const [plain = "", search = ""] = path.split("?");
      return handle({
        method,
        path: plain.startsWith("/") ? plain : `${compute}/${plain}`,
        query: { "api-version": API_VERSION, ...Object.fromEntries(new URLSearchParams(search)) },
        caller: name,
        ...(body === undefined ? {} : { body }),
      });
    },
  };
}

/**
 * Sends a write and waits until its operation has ended. Returns whether it was accepted: a write that meets
 * another client's is not.
 */
export function* write(
  azure: ActorClient,
  ...call: Parameters<ActorClient["send"]>
): Generator<number, boolean, void> {
  const answer = azure.send(...call);
  if (answer.status >= REFUSED_MIN) return false;
  const url = answer.headers["azure-asyncoperation"];
  if (url === undefined) return true;
  for (;;) {
    yield POLL_MS;
    const { status, body } = azure.send("GET", new URL(url).pathname);
    if (status !== OK || textAt(body, "status") !== "InProgress") return true;
  }
}

/** The objects of a list, all pages. */
export function listed(azure: ActorClient, path: string): readonly JsonObject[] {
  const found: JsonObject[] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const { body } = azure.send("GET", next);
    found.push(...(listAt(body, "value") ?? []).filter(isObject));
    const link: string | undefined = textAt(body, "nextLink");
    next = link === undefined ? undefined : `${new URL(link).pathname}${new URL(link).search}`;
  }
  return found;
}
