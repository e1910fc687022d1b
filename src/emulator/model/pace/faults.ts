import type { ArmCall, Delivery } from "../api/arm-message.ts";
import { type ArmFailure, failure } from "../api/errors.ts";
import { keyOf } from "../api/resource/resource-id.ts";
import { type FaultEffect, type FaultRule, isOperationEffect, type OperationEffect } from "./fault-rule.ts";
import type { OperationEnding, OperationStart } from "./operation.ts";
import type { SeededRandom } from "./random.ts";

interface ActiveFault extends FaultRule {
  readonly id: string;
  readonly fitted: number;
  readonly struck: number;
}

export interface Faults {
  add(rule: FaultRule): ActiveFault;
  remove(id: string): boolean;
  clear(): void;
  list(): readonly ActiveFault[];
  strikeCall(operation: string, call: Pick<ArmCall, "path">, random: SeededRandom): FaultEffect | undefined;
  /** How an operation that begins now will end. */
  strikeOperation(start: OperationStart, random: SeededRandom): OperationEnding;
}

export function createFaults(pollOperation: string): Faults {
  const rules = new Map<string, ActiveFault>();
  let added = 0;

  const strike = (rule: ActiveFault, random: SeededRandom): boolean => {
    const fitted = rule.fitted + 1;
    const struck =
      (rule.nth === undefined || rule.nth === fitted) &&
      rule.struck < (rule.times ?? Infinity) &&
      (rule.probability === undefined || random.next() < rule.probability);
    rules.set(rule.id, { ...rule, fitted, struck: rule.struck + (struck ? 1 : 0) });
    return struck;
  };

  return {
    add: (rule) => {
      added += 1;
      const active = { ...rule, id: rule.id ?? `fault-${added}`, fitted: 0, struck: 0 };
      rules.set(active.id, active);
      return active;
    },
    remove: (id) => rules.delete(id),
    clear: () => rules.clear(),
    list: () => [...rules.values()],
    strikeCall: (operation, call, random) => {
      const fitting = [...rules.values()].filter(
        (rule) =>
          !isOperationEffect(rule.effect) &&
          rule.disk === undefined &&
          fitsOperation(rule, operation, pollOperation) &&
          fits(rule.resource, call.path),
      );
      return fitting.find((rule) => strike(rule, random))?.effect;
    },
    strikeOperation: (start, random) => {
      for (const rule of rules.values()) {
        const { effect } = rule;
        if (
          !isOperationEffect(effect) ||
          !fitsOperation(rule, start.name, pollOperation) ||
          !fits(rule.resource, start.resourceId)
        )
          continue;
        const diskIds = (start.diskIds ?? []).filter((diskId) => fits(rule.disk, diskId));
        if (rule.disk !== undefined && diskIds.length === 0) continue;
        if (strike(rule, random)) return endingOf(effect, diskIds);
      }
      return { kind: "Succeed" };
    },
  };
}

/** The refusal that a fault makes of a call. */
export function faultFailure(effect: Extract<FaultEffect, { kind: "Error" }>): ArmFailure {
  return failure(
    effect.status,
    effect.code,
    effect.message ?? `The emulator has a fault rule that answers ${effect.code}.`,
    {
      ...(effect.target === undefined ? {} : { target: effect.target }),
      ...(effect.details === undefined ? {} : { details: effect.details }),
      ...(effect.internalErrorCode === undefined
        ? {}
        : { innerError: { internalErrorCode: effect.internalErrorCode } }),
      headers: {
        ...(effect.retryAfterS === undefined ? {} : { "retry-after": String(effect.retryAfterS) }),
        ...(effect.claims === undefined ? {} : { "www-authenticate": claimsChallenge(effect.claims) }),
      },
    },
  );
}

function claimsChallenge(claims: string): string {
  return (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", ' +
    `error="insufficient_claims", claims="${claims}"`
  );
}

/** How the answer of a call with a fault is delivered. */
export function faultDelivery(effect: FaultEffect | undefined): Delivery {
  if (effect?.kind === "DropRequest" || effect?.kind === "DropResponse") return { kind: "Dropped" };
  return effect?.kind === "DelayResponse"
    ? { kind: "Delayed", delayMs: effect.delayMs }
    : { kind: "Answered" };
}

function endingOf(effect: OperationEffect, diskIds: readonly string[]): OperationEnding {
  if (effect.kind === "StuckOperation") return { kind: "Stuck" };
  if (effect.kind === "IdleOperation") return { kind: "Idle" };
  if (effect.kind === "UnreportedOperation") return { kind: "Unreported" };
  const undone = effect.applied === "all" ? [] : effect.applied === "others" ? diskIds.map(keyOf) : "all";
  return {
    kind: "Fail",
    error: failure(
      409,
      effect.code,
      effect.message ?? `The emulator has a fault rule that ends this operation with ${effect.code}.`,
    ),
    undone,
  };
}

function fitsOperation(rule: FaultRule, operation: string, pollOperation: string): boolean {
  return rule.operation === undefined ? operation !== pollOperation : fits(rule.operation, operation);
}

/** Compares with a pattern in which `*` stands for any text. */
function fits(pattern: string | undefined, text: string): boolean {
  if (pattern === undefined) return true;
  const source = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${source.join(".*")}$`, "i").test(text);
}
