import { isRecord } from "../../core/primitives/is-record.ts";
import type { ArmError } from "../../provisioner/arm/arm-api.ts";
import type { Wire } from "./wire-values.ts";

/**
 * Reads an ARM error out of a parsed body; missing parts become empty, since front doors and proxies
 * answer in other shapes.
 */
export function readArmError(
  body: unknown,
  answer: {
    readonly statusCode: number;
    readonly retryAfterMs: number | undefined;
    readonly requestId: string;
  },
): ArmError {
  const outer = object(body);
  const error = "error" in outer ? object(outer["error"]) : outer;
  return {
    statusCode: answer.statusCode,
    code: text(error["code"]) || `HTTP${answer.statusCode}`,
    message: text(error["message"]) || (typeof body === "string" ? body.slice(0, PAGE_MAX) : ""),
    target: text(error["target"]),
    details: readDetails(error["details"]),
    internalErrorCode: text(object(error["innererror"])["internalErrorCode"]),
    retryAfterMs: answer.retryAfterMs,
    requestId: answer.requestId,
  };
}

/** Upper limit for a body that is no JSON, such as a proxy's page, in characters. */
const PAGE_MAX = 500;

/**
 * Upper limits for a text of an error, in characters, and for its details: longer than Azure's are. Events
 * and gRPC's trailers take no more, and patterns are matched against each.
 */
const TEXT_MAX = 2000;
const DETAILS_MAX = 20;

function object(value: unknown): Wire {
  return isRecord(value) ? value : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value.slice(0, TEXT_MAX) : "";
}

function readDetails(details: unknown): ArmError["details"] {
  if (!Array.isArray(details)) return [];
  return details
    .slice(0, DETAILS_MAX)
    .map(object)
    .map((detail) => ({
      code: text(detail["code"]),
      target: text(detail["target"]),
      message: text(detail["message"]),
    }));
}
