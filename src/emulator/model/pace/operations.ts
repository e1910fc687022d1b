import { type ArmFailure, armErrors } from "../api/errors.ts";
import { keyOf } from "../api/resource/resource-id.ts";
import type { Effect, ScriptOutput } from "../run-command/guests-port.ts";
import { forgetReads, without, type World } from "../world.ts";
import { type LatencyName, drawLatencyMs } from "./latency.ts";
import type { Operation, OperationEnding, OperationOutcome, OperationStart } from "./operation.ts";

/** Ended operations that can still be polled. */
const ENDED_OPERATIONS_MAX = 20_000;

/** What an operation that writes a resource states of it. */
export function writing(
  resource: Pick<OperationStart, "subscriptionId" | "location"> & { readonly id: string },
): Pick<OperationStart, "subscriptionId" | "location" | "resourceId"> {
  const { id: resourceId, subscriptionId, location } = resource;
  return { subscriptionId, location, resourceId };
}

export function startOperation(world: World, start: OperationStart): Operation {
  const drawn: OperationEnding =
    start.internal === true ? { kind: "Succeed" } : world.faults.strikeOperation(start, world.random);
  const ending: OperationEnding =
    drawn.kind === "Succeed" && start.refusal !== undefined
      ? { kind: "Fail", error: start.refusal, undone: [] }
      : drawn;
  const operation: Operation = {
    ...start,
    id: world.random.guid(),
    startedAtMs: world.nowMs,
    callers: start.internal === true || world.caller === undefined ? [] : [world.caller],
    dueAtMs: ending.kind === "Stuck" ? Infinity : world.nowMs + start.delayMs,
    ending,
    phase: "Running",
    status: "InProgress",
    onEnd: [],
  };
  world.operations.set(operation.id, operation);
  world.running.add(operation.id);
  forgetOldest(world);
  return operation;
}

/** Adds a caller that has sent the same request again to a running operation. */
export function joinOperation(world: World, operation: Operation): Operation {
  const { caller } = world;
  if (caller === undefined || operation.callers.includes(caller)) return operation;
  const joined = { ...operation, callers: [...operation.callers, caller] };
  replace(world, joined);
  return joined;
}

/** Whether an operation under way copies the bytes of a disk or snapshot. */
export function isBeingCopied(world: World, id: string): boolean {
  return [...world.running].some((running) => {
    const source = world.operations.get(running)?.copiesFrom;
    return source !== undefined && keyOf(source) === keyOf(id);
  });
}

/** A latency drawn for now, time scale included. */
export function delayMs(world: World, name: LatencyName, dataDisks = 0): number {
  return drawLatencyMs(world.settings.latencies[name], world.random, dataDisks) * world.settings.timeScale;
}

/** When the next operation is due; `undefined` if none will end by itself. */
export function nextDueMs(world: World): number | undefined {
  const next = nextDue(world);
  return next === undefined || next.dueAtMs === Infinity ? undefined : next.dueAtMs;
}

/** Advances the time: ends, in order, the operations that are due by then. */
export function advanceTo(world: World, nowMs: number): void {
  for (let due = nextDue(world); due !== undefined && due.dueAtMs <= nowMs; due = nextDue(world)) {
    world.nowMs = Math.max(world.nowMs, due.dueAtMs);
    beginToEnd(world, due);
  }
  world.nowMs = Math.max(world.nowMs, nowMs);
}

export interface DueEffects {
  readonly operationId: string;
  readonly effects: readonly Effect[];
}

function effectsOf({ work, ending }: Operation): readonly Effect[] {
  return work.effects?.(outcomeOf(ending)) ?? [];
}

/**
 * Takes the operations that wait for the data plane. Each must be given to `settleOperation` afterwards.
 */
export function takeDueEffects(world: World): readonly DueEffects[] {
  return world.awaitingDataPlane.splice(0).flatMap((operationId) => {
    const operation = world.operations.get(operationId);
    return operation === undefined ? [] : [{ operationId, effects: effectsOf(operation) }];
  });
}

/**
 * Ends an operation whose device work is done, or has failed for the given reason; `output` is that of its
 * script, if it has one.
 */
export function settleOperation(
  world: World,
  operationId: string,
  deviceFailure?: string,
  output?: ScriptOutput,
): void {
  const operation = world.operations.get(operationId);
  if (operation?.phase !== "Settling") return;
  const outcome: OperationOutcome =
    deviceFailure === undefined
      ? { ...outcomeOf(operation.ending), ...(output === undefined ? {} : { output }) }
      : { error: armErrors.internalError(deviceFailure), undone: "all" };
  const unreported = operation.ending.kind === "Unreported" && outcome.error === undefined;
  const end = unreported
    ? {}
    : {
        status: outcome.error === undefined ? ("Succeeded" as const) : ("Failed" as const),
        endedAtMs: world.nowMs,
      };
  replace(world, {
    ...operation,
    phase: "Ended",
    ...end,
    ...(outcome.error === undefined ? {} : { error: outcome.error }),
  });
  operation.work.end(outcome);
  actOnEnd(world, operationId);
}

/**
 * Keeps an operation InProgress whose work is done, until it is rescheduled or preempted. For the end of that
 * work only.
 */
export function continueOperation(world: World, operationId: string): void {
  const operation = world.operations.get(operationId);
  if (operation?.phase !== "Ended") return;
  const work = { end: () => undefined };
  world.running.add(operationId);
  replace(world, {
    ...without(operation, "endedAtMs"),
    phase: "Running",
    status: "InProgress",
    dueAtMs: Infinity,
    work,
  });
}

/**
 * Acts once an operation has ended in whichever way; right after the call or the event that ended it, so that
 * nothing else is under way.
 */
export function whenEnded(world: World, operationId: string, act: (ended: Operation) => void): void {
  const operation = world.operations.get(operationId);
  if (operation === undefined) return;
  replace(world, { ...operation, onEnd: [...operation.onEnd, act] });
  if (operation.phase === "Ended") actOnEnd(world, operationId);
}

function actOnEnd(world: World, operationId: string): void {
  const ended = world.operations.get(operationId);
  if (ended?.phase !== "Ended" || ended.onEnd.length === 0) return;
  replace(world, { ...ended, onEnd: [] });
  startOperation(world, {
    name: "afterOperation",
    provider: "operations",
    subscriptionId: ended.subscriptionId,
    location: ended.location,
    resourceId: ended.resourceId,
    delayMs: 0,
    internal: true,
    work: { end: () => ended.onEnd.forEach((act) => act(ended)) },
  });
}

/** Changes when a running operation ends, unless a fault has decided that. */
export function rescheduleOperation(world: World, operationId: string, afterMs: number): void {
  const operation = world.operations.get(operationId);
  if (operation?.phase === "Running" && operation.ending.kind !== "Stuck")
    replace(world, { ...operation, dueAtMs: world.nowMs + afterMs });
}

/**
 * Ends operations that would never end, at once and successfully. For a caller that has stuck them on
 * purpose.
 */
export function releaseStuckOperations(world: World): void {
  for (const id of world.running) {
    const operation = world.operations.get(id);
    if (operation?.phase === "Running" && operation.ending.kind === "Stuck")
      replace(world, { ...operation, ending: { kind: "Succeed" }, dueAtMs: world.nowMs });
  }
}

/**
 * Ends a running operation because a newer one takes over its work. What it requested remains in the
 * resource's state.
 */
export function preemptOperation(
  world: World,
  operationId: string,
  error: ArmFailure,
  status: "Canceled" | "Failed",
): void {
  const operation = world.operations.get(operationId);
  if (operation?.phase !== "Running") return;
  replace(world, { ...operation, phase: "Ended", status, endedAtMs: world.nowMs, error });
  actOnEnd(world, operationId);
}

function nextDue(world: World): Operation | undefined {
  let next: Operation | undefined;
  for (const id of world.running) {
    const operation = world.operations.get(id);
    if (operation?.phase === "Running" && (next === undefined || operation.dueAtMs < next.dueAtMs))
      next = operation;
  }
  return next;
}

function beginToEnd(world: World, operation: Operation): void {
  replace(world, { ...operation, phase: "Settling" });
  if ((world.hasDataPlane || world.hasGuests) && effectsOf(operation).length > 0)
    world.awaitingDataPlane.push(operation.id);
  else settleOperation(world, operation.id);
}

function outcomeOf(ending: OperationEnding): OperationOutcome {
  if (ending.kind === "Fail") return { error: ending.error, undone: ending.undone };
  return { undone: ending.kind === "Idle" ? "all" : [] };
}

/** Whether the part of an operation that concerns a disk took effect. */
export function happened(outcome: OperationOutcome, diskId: string): boolean {
  return outcome.undone !== "all" && !outcome.undone.includes(keyOf(diskId));
}

function replace(world: World, operation: Operation): void {
  world.operations.set(operation.id, operation);
  if (operation.phase !== "Ended") return;
  world.running.delete(operation.id);
  for (const caller of operation.callers) forgetReads(world, caller, operation.resourceId);
}

function forgetOldest(world: World): void {
  if (world.operations.size <= ENDED_OPERATIONS_MAX + world.running.size) return;
  for (const [id, operation] of world.operations) {
    if (operation.phase !== "Ended") continue;
    world.operations.delete(id);
    return;
  }
}
