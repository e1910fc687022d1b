import type { Failure } from "../../core/failure/failure.ts";
import type { Kind, KindMap, WatchEvent } from "../../ports/store/object-store.ts";
import { apiVersionOf } from "./api-paths.ts";

/**
 * The largest request or watch line that either side takes, in bytes: an object at its limit and its
 * wrapping.
 */
export const MESSAGE_BYTES_MAX = 2 * 1024 * 1024;

/** Kubernetes' `Status` (meta/v1): how a failure is reported. */
export interface WireStatus {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly status: "Failure";
  readonly reason:
    | "NotFound"
    | "AlreadyExists"
    | "Conflict"
    | "Invalid"
    | "Expired"
    | "ServiceUnavailable"
    | "BadRequest";
  readonly message: string;
  readonly code: number;
}

/** A line of a watch. */
export type WireEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: unknown }
  | {
      readonly type: "BOOKMARK";
      readonly object: {
        readonly apiVersion: string;
        readonly kind: Kind;
        readonly metadata: { readonly resourceVersion: string };
      };
    }
  | { readonly type: "ERROR"; readonly object: WireStatus };

export function wireObject<K extends Kind>(kind: K, object: KindMap[K]): object {
  return { apiVersion: apiVersionOf(kind), kind, ...object };
}

export function wireList<K extends Kind>(
  kind: K,
  list: { readonly items: readonly KindMap[K][]; readonly resourceVersion: string },
): object {
  return {
    apiVersion: apiVersionOf(kind),
    kind: `${kind}List`,
    metadata: { resourceVersion: list.resourceVersion },
    items: list.items.map((object) => wireObject(kind, object)),
  };
}

export function wireEvent<K extends Kind>(kind: K, event: WatchEvent<K>): WireEvent {
  if (event.type !== "BOOKMARK") return { type: event.type, object: wireObject(kind, event.object) };
  return {
    type: "BOOKMARK",
    object: { apiVersion: apiVersionOf(kind), kind, metadata: { resourceVersion: event.resourceVersion } },
  };
}

/** Removes the wire's wrapping from an object. The server checked it when it was written. */
export function objectFromWire<K extends Kind>(_kind: K, value: unknown): KindMap[K] {
  const { apiVersion: _apiVersion, kind: _wireKind, ...object } = value as Record<string, unknown>;
  return object as unknown as KindMap[K];
}

/** A failure of the store as the wire reports it. */
export function statusOf(failure: Failure): WireStatus {
  switch (failure.kind) {
    case "ObjectNotFound":
      return wireStatus("NotFound", 404, `${failure.objectKind} "${failure.name}" not found`);
    case "ObjectAlreadyExists":
      return wireStatus("AlreadyExists", 409, `${failure.objectKind} "${failure.name}" already exists`);
    case "ObjectConflict":
      return wireStatus(
        "Conflict",
        409,
        `${failure.objectKind} "${failure.name}" has been changed or replaced: read it again`,
      );
    case "ObjectInvalid":
      return wireStatus("Invalid", 422, failure.problem);
    case "StoreUnavailable":
      return wireStatus("ServiceUnavailable", 503, failure.detail);
    default:
      return wireStatus("ServiceUnavailable", 503, `the store answered ${failure.kind}`);
  }
}

/** A `Status`. */
export function wireStatus(reason: WireStatus["reason"], code: number, message: string): WireStatus {
  return { kind: "Status", apiVersion: "v1", status: "Failure", reason, message, code };
}

/** The failure that a `Status` about an object reports. */
export function failureFromWire(
  value: unknown,
  about: { readonly kind: Kind; readonly name: string },
): Failure {
  const { reason, message } = value as Partial<WireStatus>;
  const { kind: objectKind, name } = about;
  switch (reason) {
    case "NotFound":
      return { kind: "ObjectNotFound", objectKind, name };
    case "AlreadyExists":
      return { kind: "ObjectAlreadyExists", objectKind, name };
    case "Conflict":
      return { kind: "ObjectConflict", objectKind, name };
    case "Invalid":
      return { kind: "ObjectInvalid", objectKind, name, problem: message ?? "no reason was given" };
    default:
      return { kind: "StoreUnavailable", detail: message ?? "the store's answer was not understood" };
  }
}
