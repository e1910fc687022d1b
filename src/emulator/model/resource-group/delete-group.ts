import { type ArmCall, type HandlerResult, reply } from "../api/arm-message.ts";
import { deleteAvailabilitySetHandler } from "../api/availability-set-handlers.ts";
import { type ArmFailure, armErrors } from "../api/errors.ts";
import { type ComputeType, type GroupAddress, groupKey, keyOf } from "../api/resource/resource-id.ts";
import type { Handler } from "../api/router.ts";
import { deleteDiskHandler } from "../disk/disk-handlers.ts";
import { deleteSnapshotHandler } from "../disk/snapshot/snapshot-handlers.ts";
import { deleteLinkedOfType } from "../linked/linked-resource-handlers.ts";
import { groupOperationHeaders, operationIdIn, RETRY_AFTER } from "../pace/lro.ts";
import type { Operation } from "../pace/operation.ts";
import {
  joinOperation,
  preemptOperation,
  rescheduleOperation,
  startOperation,
  whenEnded,
} from "../pace/operations.ts";
import { deleteScaleSetHandler } from "../scale-set/scale-set-handlers.ts";
import { deleteVmHandler } from "../vm/vm-handlers.ts";
import { findResourceGroup, putResourceGroup, type ResourceGroup, without, type World } from "../world.ts";

/** A resource in a group, as its DELETE names it. */
interface Member {
  readonly id: string;
  readonly name: string;
  readonly type: ComputeType;
}

interface Refused extends Member {
  readonly failure: ArmFailure;
}

/**
 * Types whose resources manage others go first (Learn, Azure Resource Manager resource group and resource
 * deletion). A flexible scale set takes its VMs with it.
 */
const ORDER: readonly (readonly ComputeType[])[] = [
  ["virtualMachineScaleSets"],
  ["virtualMachines"],
  ["disks", "snapshots", "availabilitySets", "diskEncryptionSets", "diskAccesses"],
];
const DELETIONS: Readonly<Record<ComputeType, Handler>> = {
  virtualMachineScaleSets: deleteScaleSetHandler,
  virtualMachines: deleteVmHandler,
  disks: deleteDiskHandler,
  snapshots: deleteSnapshotHandler,
  availabilitySets: deleteAvailabilitySetHandler,
  diskEncryptionSets: deleteLinkedOfType("diskEncryptionSets"),
  diskAccesses: deleteLinkedOfType("diskAccesses"),
};
/** Inferred. Published is only that Resource Manager deletes again, for some minutes, what it could not. */
const RETRIES_MAX = 10;
const RETRY_MS = 15_000;

/**
 * Deletes a resource group with everything in it, as one operation: resource by resource, as their own
 * DELETEs do. What is refused is tried again a few times, since one resource may keep another, such as a VM
 * its disks.
 */
export function deleteGroup(world: World, call: ArmCall, group: ResourceGroup): HandlerResult {
  const running = group.deletion === undefined ? undefined : world.operations.get(group.deletion);
  const operation =
    running === undefined
      ? startDeletion(world, { ...call, ifMatch: undefined, ifNoneMatch: undefined, query: {} }, group)
      : joinOperation(world, running);
  return reply(202, undefined, groupOperationHeaders(world, call, operation));
}

function startDeletion(world: World, call: ArmCall, group: ResourceGroup): Operation {
  const operation = startOperation(world, {
    name: "ResourceGroups_Delete",
    provider: "operationresults",
    subscriptionId: group.subscriptionId,
    location: group.location,
    resourceId: idOfGroup(group),
    delayMs: Infinity,
    retryAfter: RETRY_AFTER.groupDeletion,
    work: {
      end: () => {
        if (membersOf(world, group).length > 0) rollBack(world, group);
        else world.resourceGroups.delete(keyOf(idOfGroup(group)));
      },
    },
  });
  putResourceGroup(world, { ...group, deletion: operation.id });
  const { ending } = operation;
  if (ending.kind === "Idle" || (ending.kind === "Fail" && ending.undone === "all")) {
    rollBack(world, group);
    rescheduleOperation(world, operation.id, 0);
  } else if (ending.kind !== "Stuck")
    deleteMembers(world, call, { group, operationId: operation.id, left: Infinity, stalled: 0, refused: [] });
  return operation;
}

interface Progress {
  readonly group: ResourceGroup;
  readonly operationId: string;
  /** How many resources were left before. */
  readonly left: number;
  /** How many rounds that number has stayed the same. */
  readonly stalled: number;
  /** What the last round could not delete, and why. */
  readonly refused: readonly Refused[];
}

/** Deletes what can be deleted, round by round, until nothing is left or some rounds have deleted nothing. */
function deleteMembers(world: World, call: ArmCall, progress: Progress): void {
  const { group, operationId, left } = progress;
  const members = membersOf(world, group);
  if (members.length === 0) {
    rescheduleOperation(world, operationId, 0);
    return;
  }
  const stalled = members.length < left ? 0 : progress.stalled + 1;
  if (stalled > RETRIES_MAX) {
    rollBack(world, group);
    const error = armErrors.groupDeletionBlocked(group.name, operationId, progress.refused);
    preemptOperation(world, operationId, error, "Failed");
    return;
  }
  const next = (refused: readonly Refused[]): void =>
    deleteMembers(world, call, { ...progress, left: members.length, stalled, refused });
  if (stalled === 0) beginRound(world, call, membersNow(members), next);
  else later(world, group, () => beginRound(world, call, membersOf(world, group), next));
}

/** Of a round after one that has deleted something: only the first types in the order. */
function membersNow(members: readonly Member[]): readonly Member[] {
  const types = ORDER.find((each) => members.some(({ type }) => each.includes(type))) ?? [];
  return members.filter(({ type }) => types.includes(type));
}

function beginRound(
  world: World,
  call: ArmCall,
  members: readonly Member[],
  next: (refused: readonly Refused[]) => void,
): void {
  const refused: Refused[] = [];
  let running = 1;
  const end = (): void => {
    running -= 1;
    if (running === 0) next(refused);
  };
  for (const member of members) {
    const result = DELETIONS[member.type](world, { ...call, params: paramsOf(call, member) });
    if (result.kind === "Failure") refused.push({ ...member, failure: result });
    const begun = result.kind === "Failure" ? undefined : operationIdIn(result.headers ?? {});
    if (begun === undefined) continue;
    running += 1;
    whenEnded(world, begun, ({ error }) => {
      if (error !== undefined) refused.push({ ...member, failure: error });
      end();
    });
  }
  end();
}

function paramsOf({ params }: ArmCall, { type, name }: Member): ArmCall["params"] {
  return { ...params, ...(type === "virtualMachineScaleSets" ? { scaleSet: name } : { name }) };
}

function later(world: World, { subscriptionId, location, ...group }: ResourceGroup, act: () => void): void {
  startOperation(world, {
    name: "deletionRetry",
    provider: "operationresults",
    subscriptionId,
    location,
    resourceId: group.name,
    delayMs: RETRY_MS * world.settings.timeScale,
    internal: true,
    work: { end: act },
  });
}

function rollBack(world: World, group: ResourceGroup): void {
  const now = findResourceGroup(world, { ...group, resourceGroup: group.name });
  if (now !== undefined) putResourceGroup(world, without(now, "deletion"));
}

interface Stored extends Omit<Member, "type">, GroupAddress {
  /** Of an instance of a uniform scale set. */
  readonly instance?: object;
}

/** The resources in a group; instances of uniform scale sets are their sets'. */
function membersOf(world: World, { subscriptionId, name }: ResourceGroup): readonly Member[] {
  const key = groupKey({ subscriptionId, resourceGroup: name });
  const found = (type: ComputeType, resources: ReadonlyMap<string, Stored>): readonly Member[] =>
    [...resources.values()]
      .filter((each) => groupKey(each) === key && each.instance === undefined)
      .map((each) => ({ id: each.id, name: each.name, type }));
  return [
    ...found("virtualMachineScaleSets", world.scaleSets),
    ...found("virtualMachines", world.virtualMachines),
    ...found("disks", world.disks),
    ...found("snapshots", world.snapshots),
    ...found("availabilitySets", world.availabilitySets),
    ...[...world.linkedResources.values()]
      .filter((each) => groupKey(each) === key)
      .map(({ id, name: own, type }) => ({ id, name: own, type })),
  ];
}

export function idOfGroup(group: Pick<ResourceGroup, "subscriptionId" | "name">): string {
  return `/subscriptions/${group.subscriptionId}/resourceGroups/${group.name}`;
}
