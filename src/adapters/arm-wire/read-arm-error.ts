import { isRecord } from "../../core/primitives/is-record.ts";
import type { ArmError } from "../../provisioner/arm/arm-api.ts";

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
  const outer = asObject(body);
  const error = "error" in outer ? asObject(outer["error"]) : outer;
  return {
    statusCode: answer.statusCode,
    code: asText(error["code"]) || `HTTP${answer.statusCode}`,
    message: asText(error["message"]) || (typeof body === "string" ? body.slice(0, MESSAGE_MAX) : ""),
    target: asText(error["target"]),
    details: readDetails(error["details"]),
    internalErrorCode: asText(asObject(error["innererror"])["internalErrorCode"]),
    retryAfterMs: answer.retryAfterMs,
    requestId: answer.requestId,
  };
}

/** Upper limit for a body that is no JSON, such as a proxy's page, in characters. */
const MESSAGE_MAX = 500;

function readDetails(details: unknown): ArmError["details"] {
  if (!Array.isArray(details)) return [];
  return details.map(asObject).map((detail) => ({
    code: asText(detail["code"]),
    target: asText(detail["target"]),
    message: asText(detail["message"]),
  }));
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : "";
}
