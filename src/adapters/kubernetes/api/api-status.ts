import type { ApiAnswer } from "./api-client.ts";

/** Kubernetes' `Status` (meta/v1), as far as the driver reads it: how the API server reports a failure. */
export interface ApiStatus {
  readonly code: number;
  /** A word such as `NotFound`; empty if the answer was no Status. */
  readonly reason: string;
  readonly message: string;
  /** What the failure is about: the plural of a resource, its group, and an object's name. */
  readonly details: { readonly kind: string; readonly group: string; readonly name: string };
  /** The reasons of its causes, such as `NamespaceTerminating`. */
  readonly causes: readonly string[];
}

interface WireStatus {
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly details?: {
    readonly kind?: string;
    readonly group?: string;
    readonly name?: string;
    readonly causes?: readonly { readonly reason?: string }[];
  };
}

/** The failure that an answer, or the object of an ERROR event, reports. */
export function readApiStatus({ code, body }: ApiAnswer): ApiStatus {
  const {
    reason = "",
    message,
    code: statusCode,
    details,
  }: WireStatus = typeof body === "object" && body !== null ? body : {};
  return {
    code: statusCode ?? code,
    reason,
    message:
      message ?? (typeof body === "string" && body.trim() !== "" ? body.trim() : `HTTP status ${code}`),
    details: { kind: details?.kind ?? "", group: details?.group ?? "", name: details?.name ?? "" },
    causes: (details?.causes ?? []).flatMap((cause) => cause.reason ?? []),
  };
}

/** Whether a resource version, or the place in a list, is no longer kept. */
export function isExpired(status: ApiStatus): boolean {
  return status.code === 410 || status.reason === "Expired" || status.reason === "Gone";
}
