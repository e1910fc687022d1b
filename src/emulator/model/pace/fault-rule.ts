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

/** The fault that a rule injects. */
const effect = oneOfKinds([
  /** The call is refused without effect. */
  members({
    kind: z.literal("Error"),
    status: whole(400, 599),
    code: text,
    message: text.exactOptional(),
    target: text.exactOptional(),
    /** `error.details`, such as `[{code: TooManyRequests, target: HighCostGet3Min, message: …}]`. */
    details: listOf(anyValue).exactOptional(),
    /** `error.innererror.internalErrorCode`. */
    internalErrorCode: text.exactOptional(),
    retryAfterS: number(0).exactOptional(),
    /** Of status 401: the claims, in base64, that another token must have (Learn, Claims challenges). */
    claims: text.exactOptional(),
  }),
  /** The connection breaks before the call takes effect. */
  members({ kind: z.literal("DropRequest") }),
  /** The call takes effect, or its operation begins, and then the connection breaks. */
  members({ kind: z.literal("DropResponse") }),
  /** The call takes effect, or its operation begins, and the answer is delayed, in model milliseconds. */
  members({ kind: z.literal("DelayResponse"), delayMs: number(0) }),
  /**
   * The long-running operation fails. `applied`: the part that takes effect all the same; `others` is all
   * but the disks that `disk` names. Default `none`.
   */
  members({
    kind: z.literal("FailOperation"),
    code: text,
    message: text.exactOptional(),
    applied: choice(["none", "others", "all"]).exactOptional(),
  }),
  /** The operation reports Succeeded without effect: a detach leaves its entry behind, marked. */
  members({ kind: z.literal("IdleOperation") }),
  /** The operation never ends and has no effect. */
  members({ kind: z.literal("StuckOperation") }),
  /** The operation takes effect and reports InProgress for ever. */
  members({ kind: z.literal("UnreportedOperation") }),
  /**
   * Lists and GETs of disks and snapshots repeat the last answer that this rule let through. So do GETs of
   * a VM, but only for changes by other callers: after a caller's own operation on the VM has ended, its
   * GET is fresh, since proofs depend on that.
   */
  members({ kind: z.literal("StaleRead") }),
]);

const rule = members({
  /** Default: `fault-1`, `fault-2` … */
  id: text.exactOptional(),
  /**
   * An operation's name in Azure's API description, `*` for any part: `VirtualMachines_*`. Default: every
   * operation except polls.
   */
  operation: text.exactOptional(),
  /** A resource's id, `*` for any part, without regard to case. Default: every resource. */
  resource: text.exactOptional(),
  /**
   * The same for a disk that the operation creates, changes, attaches or detaches; only for effects on how
   * it ends.
   */
  disk: text.exactOptional(),
  /** Takes effect only at the n-th matching call, counted from 1. */
  nth: whole(1).exactOptional(),
  /** How often it takes effect at most. Default: always. */
  times: whole(1).exactOptional(),
  /** The probability of taking effect, 0 to 1. Default 1. */
  probability: number(0, 1).exactOptional(),
  effect,
});

export type FaultEffect = Readonly<z.infer<typeof effect>>;
export type FaultRule = Readonly<z.infer<typeof rule>>;

/** Effects on how an operation ends; all others affect a single call. */
const OPERATION_EFFECTS = [
  "FailOperation",
  "IdleOperation",
  "StuckOperation",
  "UnreportedOperation",
] as const satisfies readonly FaultEffect["kind"][];

export type OperationEffect = Extract<FaultEffect, { kind: (typeof OPERATION_EFFECTS)[number] }>;

export function isOperationEffect(effect: FaultEffect): effect is OperationEffect {
  return OPERATION_EFFECTS.some((kind) => kind === effect.kind);
}

/** Reads a rule from the admin API or a scenario. */
export function parseFaultRule(json: Json | undefined): Input<FaultRule> {
  const read = readInput("a fault rule", rule, json);
  if (!read.ok || read.value.disk === undefined || isOperationEffect(read.value.effect)) return read;
  return wrong(
    `'disk' goes with the end of an operation (${OPERATION_EFFECTS.join(", ")}), not with effect ` +
      `${read.value.effect.kind}: a call is known by 'operation' and 'resource'`,
  );
}
