import type { ArmFailure } from "./errors.ts";
import type { Json } from "./json.ts";
import type { GroupAddress, NamedAddress } from "./resource/resource-id.ts";

export type ArmMethod = "GET" | "HEAD" | "PUT" | "PATCH" | "POST" | "DELETE";

/** One ARM call without transport details. */
export interface ArmRequest {
  readonly method: ArmMethod;
  /** Path without host and query, percent-decoded: `/subscriptions/…`. */
  readonly path: string;
  /** Query parameters, percent-decoded. */
  readonly query?: Readonly<Record<string, string>>;
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
  /** `x-ms-client-request-id`: echoed and kept in the journal. */
  readonly clientRequestId?: string;
  /**
   * The caller, where that matters: one caller's reads may lag behind another's writes (`StaleRead`).
   * Default: all calls are of one caller.
   */
  readonly caller?: string;
  readonly body?: Json;
  /**
   * The origin that the caller used, for the absolute URLs in answers. Default
   * `https://management.azure.com`.
   */
  readonly origin?: string;
}

/** How an answer is delivered. The work is done in any case. */
export type Delivery =
  | { readonly kind: "Answered" }
  /** The caller sees its connection break. */
  | { readonly kind: "Dropped" }
  /** The answer arrives late, in model milliseconds. */
  | { readonly kind: "Delayed"; readonly delayMs: number };

export interface ArmAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Json;
  readonly delivery: Delivery;
  /** Number of the journal entry of this call. */
  readonly sequence: number;
}

/** The input of a handler, once the route has been found. */
export interface ArmCall {
  readonly path: string;
  /** The values of `{names}` in the route, in the caller's case. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly caller: string;
  readonly body: Json | undefined;
  readonly apiVersion: string;
  readonly origin: string;
}

/** A handler's successful answer, before the common headers. */
export interface Reply {
  readonly kind: "Reply";
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Json;
}

export type HandlerResult = Reply | ArmFailure;

export function reply(status: number, body?: Json, headers: Readonly<Record<string, string>> = {}): Reply {
  return body === undefined ? { kind: "Reply", status, headers } : { kind: "Reply", status, headers, body };
}

/** Whether a query parameter, by its name in lower case, is true, in any spelling: Python writes `True`. */
export function isOn({ query }: Pick<ArmCall, "query">, name: string): boolean {
  return query[name]?.toLowerCase() === "true";
}

/** The members that the `$expand` of a read names, in lower case. */
export function expandedMembers({ query }: Pick<ArmCall, "query">): readonly string[] {
  return (query["$expand"] ?? "")
    .toLowerCase()
    .split(",")
    .map((member) => member.trim());
}

/** A parameter of a route, whose existence the route's pattern guarantees. */
export function param(call: ArmCall, name: string): string {
  const value = call.params[name];
  if (value === undefined) throw new Error(`the route has no parameter {${name}}`);
  return value;
}

export function groupOf(call: ArmCall): GroupAddress {
  return { subscriptionId: param(call, "subscriptionId"), resourceGroup: param(call, "resourceGroup") };
}

/** The resource whose name a call's path has. */
export function addressOf(call: ArmCall): NamedAddress {
  return { ...groupOf(call), name: param(call, "name") };
}
