import * as z from "zod";
import type { Json } from "../api/json.ts";
import {
  anyValue,
  choice,
  type Input,
  listOf,
  members,
  number,
  oneOfKinds,
  readInput,
  text,
  whole,
  wrong,
} from "../input.ts";
import { type FaultRule, isOperationEffect, OPERATION_EFFECTS } from "./faults.ts";

const rule = members({
  id: text.exactOptional(),
  operation: text.exactOptional(),
  resource: text.exactOptional(),
  disk: text.exactOptional(),
  nth: whole(1).exactOptional(),
  times: whole(1).exactOptional(),
  probability: number(0, 1).exactOptional(),
  effect: oneOfKinds([
    members({
      kind: z.literal("Error"),
      status: whole(400, 599),
      code: text,
      message: text.exactOptional(),
      target: text.exactOptional(),
      details: listOf(anyValue).exactOptional(),
      internalErrorCode: text.exactOptional(),
      retryAfterS: number(0).exactOptional(),
      claims: text.exactOptional(),
    }),
    members({ kind: z.literal("DropRequest") }),
    members({ kind: z.literal("DropResponse") }),
    members({ kind: z.literal("DelayResponse"), delayMs: number(0) }),
    members({
      kind: z.literal("FailOperation"),
      code: text,
      message: text.exactOptional(),
      applied: choice(["none", "others", "all"]).exactOptional(),
    }),
    members({ kind: z.literal("IdleOperation") }),
    members({ kind: z.literal("StuckOperation") }),
    members({ kind: z.literal("UnreportedOperation") }),
    members({ kind: z.literal("StaleRead") }),
  ]),
});

/** Reads a rule from the admin API or a scenario. */
export function parseFaultRule(json: Json | undefined): Input<FaultRule> {
  const read = readInput("a fault rule", rule, json);
  if (!read.ok || read.value.disk === undefined || isOperationEffect(read.value.effect)) return read;
  return wrong(
    `'disk' goes with the end of an operation (${OPERATION_EFFECTS.join(", ")}), not with effect ` +
      `${read.value.effect.kind}: a call is known by 'operation' and 'resource'`,
  );
}
