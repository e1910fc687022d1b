import { addressOf, type ArmCall, type HandlerResult, param, reply } from "../api/arm-message.ts";
import { type ArmFailure, armErrors } from "../api/errors.ts";
import { type Json, numberAt, textAt } from "../api/json.ts";
import { choiceOf } from "../api/request/choice.ts";
import { resourceId } from "../api/resource/resource-id.ts";
import { operationHeaders } from "../pace/lro.ts";
import { delayMs, startOperation, writing } from "../pace/operations.ts";
import { findDisk, findSnapshot, findVm, putSnapshot, updateDisk, without, type World } from "../world.ts";
import { checkFamilyAccesses } from "./copy/copy-limits.ts";
import type { Disk, SasGrant } from "./disk.ts";
import type { Protection } from "./protection.ts";
import { type Snapshot, snapshotAccess } from "./snapshot/snapshot.ts";

type AccessibleType = "disks" | "snapshots";

const OPERATION_PREFIXES: Readonly<Record<AccessibleType, string>> = {
  disks: "Disks",
  snapshots: "Snapshots",
};

/** The fields of a disk or a snapshot that access to its bytes needs. */
interface Accessible {
  readonly id: string;
  readonly location: string;
  readonly subscriptionId: string;
  readonly refused: ArmFailure | undefined;
  set(grant: SasGrant | undefined): void;
}

const ACCESSES = ["None", "Read", "Write"];
/** The greatest number of Azure's description: 32 bits. */
const DURATION_MAX_S = 2_147_483_647;

/** POST beginGetAccess: a URL for the bytes, which the emulator does not serve. */
export function beginAccessHandler(type: AccessibleType): (world: World, call: ArmCall) => HandlerResult {
  return (world, call) => {
    const target = accessibleAt(world, call, type);
    if (target === undefined)
      return armErrors.resourceNotFound(type, param(call, "name"), param(call, "resourceGroup"));
    const grant = grantIn(world, call);
    if ("kind" in grant) return grant;
    if (target.refused !== undefined) return target.refused;
    const accessSAS = `https://md-emulator.z1.blob.storage.azure.net/${world.random.guid()}/abcd?sv=2018-03-28&sr=b&si=${world.random.guid()}&sig=emulator`;
    return accessOperation(world, call, target, {
      name: `${OPERATION_PREFIXES[type]}_GrantAccess`,
      grant,
      result: { accessSAS },
    });
  };
}

/**
 * The access that a body asks for: Azure's description requires both members. Inferred: the words. It lasts
 * as long in Azure's time, and where operations take no time at all, in the clock's: a client would never see
 * an access that has ended as soon as it began.
 */
function grantIn(world: World, { body }: ArmCall): SasGrant | ArmFailure {
  const asked = textAt(body, "access");
  const durationS = numberAt(body, "durationInSeconds");
  if (asked === undefined || durationS === undefined) {
    const member = asked === undefined ? "access" : "durationInSeconds";
    return armErrors.invalidParameter(member, `Required parameter '${member}' is missing (null).`);
  }
  const access = choiceOf(ACCESSES, asked);
  if (access === undefined) return armErrors.notOneOf("access", asked, ACCESSES);
  if (!Number.isInteger(durationS) || durationS < 0 || durationS > DURATION_MAX_S)
    return armErrors.invalidParameter(
      "durationInSeconds",
      `The value '${durationS}' of parameter 'durationInSeconds' is out of range. The value must be ` +
        `between '0' and '${DURATION_MAX_S}', inclusive.`,
    );
  const { timeScale } = world.settings;
  return { access, expiresAtMs: world.nowMs + durationS * 1000 * (timeScale === 0 ? 1 : timeScale) };
}

export function endAccessHandler(type: AccessibleType): (world: World, call: ArmCall) => HandlerResult {
  return (world, call) => {
    const target = accessibleAt(world, call, type);
    if (target === undefined)
      return armErrors.resourceNotFound(type, param(call, "name"), param(call, "resourceGroup"));
    return accessOperation(world, call, target, {
      name: `${OPERATION_PREFIXES[type]}_RevokeAccess`,
      grant: undefined,
      result: undefined,
    });
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
    ...writing(target),
    delayMs: delayMs(world, "diskUpdate"),
    work: {
      end: (outcome) => {
        if (outcome.undone !== "all") target.set(change.grant);
      },
      result: () => change.result,
    },
  });
  return reply(202, undefined, operationHeaders(world, call, operation, "Disk"));
}

function accessibleAt(world: World, call: ArmCall, type: AccessibleType): Accessible | undefined {
  const id = resourceId({ ...addressOf(call), type });
  const disk = findDisk(world, id);
  if (disk !== undefined) {
    const user = [...disk.owners, ...disk.reservations].find(
      (owner) => findVm(world, owner.vmId)?.power !== "deallocated",
    );
    return {
      ...disk,
      refused:
        user === undefined
          ? exportDenied(disk, disk.spec)
          : armErrors.accessWhileAttached(disk.name, user.vmId),
      set: (sas) =>
        updateDisk(world, id, (now) => (sas === undefined ? withoutAccess(now) : { ...now, sas })),
    };
  }
  const snapshot = findSnapshot(world, id);
  if (snapshot === undefined) return undefined;
  return {
    ...snapshot,
    refused:
      copyRunning(world, snapshot) ??
      exportDenied(snapshot, snapshot.protection) ??
      checkFamilyAccesses(world, snapshot),
    set: (sas) => {
      const now = findSnapshot(world, id);
      if (now !== undefined)
        putSnapshot(world, { ...without(now, "sas"), ...(sas === undefined ? {} : { sas }) });
    },
  };
}

/** Until it is complete, a snapshot's bytes can't be read, also with instant access (Learn). */
function copyRunning({ nowMs }: World, snapshot: Snapshot): ArmFailure | undefined {
  return ["Pending", "InstantAccess"].includes(snapshotAccess(snapshot, nowMs))
    ? armErrors.notDownloadable(snapshot.name)
    : undefined;
}

function exportDenied(
  { name }: { readonly name: string },
  { networkAccessPolicy }: Protection,
): ArmFailure | undefined {
  return networkAccessPolicy === "DenyAll" ? armErrors.exportDenied(name) : undefined;
}

/** Uploaded content becomes the disk's once the write access has been revoked. */
function withoutAccess(disk: Disk): Disk {
  const revoked = without(disk, "sas");
  return disk.sas?.access === "Write" ? without(revoked, "awaitsUpload") : revoked;
}
