import { type ArmCall, type HandlerResult, param, reply } from "./arm-message.ts";
import type { SasGrant } from "./disk.ts";
import { type ArmFailure, armErrors } from "./errors.ts";
import { type Json, numberAt, textAt } from "./json.ts";
import { operationHeaders } from "./lro.ts";
import { delayMs, startOperation } from "./operations.ts";
import { type ComputeType, resourceId } from "./resource-id.ts";
import { findDisk, findSnapshot, putDisk, putSnapshot, without, type World } from "./world.ts";

/** A disk or a snapshot, as far as access to its bytes goes. */
interface Accessible {
  readonly id: string;
  readonly location: string;
  readonly subscriptionId: string;
  readonly refused: ArmFailure | undefined;
  set(grant: SasGrant | undefined): void;
}

const DURATION_DEFAULT_S = 3600;

/** POST beginGetAccess: a URL for the bytes, which nobody serves here. */
export function beginAccessHandler(type: ComputeType): (world: World, call: ArmCall) => HandlerResult {
  return (world, call) => {
    const target = accessibleAt(world, call, type);
    if (target === undefined) return armErrors.resourceNotFound(type, param(call, "name"), param(call, "resourceGroup"));
    if (target.refused !== undefined) return target.refused;
    const durationS = numberAt(call.body, "durationInSeconds") ?? DURATION_DEFAULT_S;
    const grant: SasGrant = { access: textAt(call.body, "access") ?? "Read", expiresAtMs: world.nowMs + durationS * 1000 };
    const accessSAS = `https://md-emulator.z1.blob.storage.azure.net/${world.random.guid()}/abcd?sv=2018-03-28&sr=b&si=${world.random.guid()}&sig=emulator`;
    return accessOperation(world, call, target, { name: "BeginGetAccess", grant, result: { accessSAS } });
  };
}

/** POST endGetAccess. */
export function endAccessHandler(type: ComputeType): (world: World, call: ArmCall) => HandlerResult {
  return (world, call) => {
    const target = accessibleAt(world, call, type);
    if (target === undefined) return armErrors.resourceNotFound(type, param(call, "name"), param(call, "resourceGroup"));
    return accessOperation(world, call, target, { name: "EndGetAccess", grant: undefined, result: undefined });
  };
}

function accessOperation(
  world: World,
  call: ArmCall,
  target: Accessible,
  change: { name: string; grant: SasGrant | undefined; result: Json | undefined },
): HandlerResult {
  const operation = startOperation(world, {
    name: change.name,
    provider: "DiskOperations",
    subscriptionId: target.subscriptionId,
    location: target.location,
    resourceId: target.id,
    delayMs: delayMs(world, "diskUpdate"),
    work: {
      effects: () => [],
      end: (outcome) => {
        if (outcome.undone !== "all") target.set(change.grant);
      },
      result: () => change.result,
    },
  });
  return reply(202, undefined, operationHeaders(world, call, operation, "Disk"));
}

function accessibleAt(world: World, call: ArmCall, type: ComputeType): Accessible | undefined {
  const id = resourceId({ subscriptionId: param(call, "subscriptionId"), resourceGroup: param(call, "resourceGroup"), type, name: param(call, "name") });
  const disk = findDisk(world, id);
  if (disk !== undefined) {
    const owner = disk.owners[0];
    return {
      ...disk,
      refused: owner === undefined ? undefined : armErrors.diskAttached(disk.name, owner.vmId),
      set: (sas) => void putDisk(world, { ...without(findDisk(world, id) ?? disk, "sas"), ...(sas === undefined ? {} : { sas }) }),
    };
  }
  const snapshot = findSnapshot(world, id);
  if (snapshot === undefined) return undefined;
  return {
    ...snapshot,
    refused: undefined,
    set: (sas) => void putSnapshot(world, { ...without(findSnapshot(world, id) ?? snapshot, "sas"), ...(sas === undefined ? {} : { sas }) }),
  };
}
