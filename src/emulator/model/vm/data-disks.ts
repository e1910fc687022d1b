import { type ArmFailure, armErrors } from "../api/errors.ts";
import { booleanAt, isObject, type Json, numberAt, textAt } from "../api/json.ts";
import { choiceOf } from "../api/request/choice.ts";
import { parseResourceId, sameId } from "../api/resource/resource-id.ts";
import { findDiskSku } from "../disk/disk-sku.ts";
import type { DiskSpec } from "../disk/disk.ts";
import { findDisk, type World } from "../world.ts";
import { checkHostCache } from "./attachment-rules.ts";
import { newDiskId, newDiskSpec, type RequestedDataDisk } from "./new-disks.ts";
import { type Caching, type DataDisk, isLeaving, type VirtualMachine } from "./virtual-machine.ts";

const LUN_MAX = 63;

export type DataDiskPlan = { readonly kind: "Plan"; readonly entries: readonly DataDisk[] } | ArmFailure;

const CREATE_OPTIONS: readonly DataDisk["createOption"][] = ["Attach", "Empty"];
const DELETE_OPTIONS = ["Delete", "Detach"];
/** The kinds of host caching. */
export const CACHINGS: readonly Caching[] = ["None", "ReadOnly", "ReadWrite"];

export function parseDataDisks(list: readonly Json[]): readonly RequestedDataDisk[] {
  return list.filter(isObject).map((entry) => ({
    lun: numberAt(entry, "lun"),
    name: textAt(entry, "name"),
    diskId: textAt(entry, "managedDisk", "id"),
    createOption: textAt(entry, "createOption"),
    sizeGiB: numberAt(entry, "diskSizeGB"),
    skuName: chosenAt(entry, "managedDisk", "storageAccountType"),
    iops: numberAt(entry, "diskIOPSReadWrite"),
    mbps: numberAt(entry, "diskMBpsReadWrite"),
    caching: chosenAt(entry, "caching"),
    writeAcceleratorEnabled: booleanAt(entry, "writeAcceleratorEnabled"),
    deleteOption: textAt(entry, "deleteOption"),
    diskEncryptionSetId: textAt(entry, "managedDisk", "diskEncryptionSet", "id"),
    toBeDetached: booleanAt(entry, "toBeDetached") ?? false,
    forced: isForced(entry),
  }));
}

/** A value of a type that has few. The provider's reader, Newtonsoft.Json, takes an empty text for none. */
function chosenAt(entry: Json, ...path: readonly string[]): string | undefined {
  const text = textAt(entry, ...path);
  return text === "" ? undefined : text;
}

/**
 * A VM's data disks after the list is replaced. The list is declarative: an entry that the request omits is
 * detached, as with `toBeDetached`. Entries that are being detached stay, and keep their LUN, until they
 * are off.
 */
export function planReplacedList(
  world: World,
  vm: VirtualMachine,
  requested: readonly RequestedDataDisk[],
): DataDiskPlan {
  const kept: DataDisk[] = [];
  const added: DataDisk[] = [];
  for (const wanted of requested) {
    const refused = checkEntry(vm, wanted);
    if (refused !== undefined) return refused;
    const existing = findEntry(vm, wanted);
    const planned = existing === undefined ? planNew(vm, wanted) : planExisting(world, vm, existing, wanted);
    if (planned === undefined) continue;
    if ("kind" in planned) return planned;
    (existing === undefined ? added : kept).push(planned);
  }
  const omitted = vm.dataDisks
    .filter((entry) => !kept.some((other) => other.lun === entry.lun))
    .flatMap((entry) => leaving(entry, false) ?? []);
  return checkList(vm, [...inOrderOf(vm, [...kept, ...omitted]), ...added]);
}

/** The list after an update that does not mention it: a failed detach is retried. */
export function planUnchangedList(vm: VirtualMachine): readonly DataDisk[] {
  return vm.dataDisks.map((entry) =>
    entry.phase === "DetachFailed" ? { ...entry, phase: "Detaching" } : entry,
  );
}

export interface AttachDetachRequest {
  readonly attach: readonly RequestedDataDisk[];
  readonly detach: readonly { readonly diskId: string; readonly forced: boolean }[];
}

/**
 * The same for `attachDetachDataDisks`, which names only the changes. Both halves may be repeated: a change
 * that has been made is no error.
 */
export function planAttachDetach(
  world: World,
  vm: VirtualMachine,
  request: AttachDetachRequest,
): DataDiskPlan {
  const contradictory = checkRequest(request);
  if (contradictory !== undefined) return contradictory;
  const remaining = vm.dataDisks.flatMap((entry) => {
    const victim = request.detach.find((candidate) => sameId(candidate.diskId, entry.diskId));
    return victim === undefined ? entry : (leaving(entry, victim.forced) ?? []);
  });
  const entries = [...remaining];
  for (const wanted of request.attach) {
    const existing = findEntry(vm, wanted);
    const withLun = { ...wanted, lun: wanted.lun ?? existing?.lun ?? freeLun(entries) };
    const refused = checkEntry(vm, withLun);
    if (refused !== undefined) return refused;
    const planned =
      existing === undefined ? planNew(vm, withLun) : planExisting(world, vm, existing, withLun);
    if (planned === undefined) continue;
    if ("kind" in planned) return planned;
    if (existing === undefined) entries.push(planned);
  }
  return checkList(vm, entries);
}

function checkRequest({ attach, detach }: AttachDetachRequest): ArmFailure | undefined {
  if (attach.length + detach.length === 0) return armErrors.nothingToAttachOrDetach();
  const both = detach.find(({ diskId }) => attach.some((entry) => sameId(entry.diskId ?? "", diskId)));
  return both === undefined ? undefined : armErrors.attachedAndDetached(both.diskId);
}

function checkEntry(vm: VirtualMachine, wanted: RequestedDataDisk): ArmFailure | undefined {
  if (wanted.lun !== undefined && (!Number.isInteger(wanted.lun) || wanted.lun < 0 || wanted.lun > LUN_MAX))
    return armErrors.lunOutOfRange(String(wanted.lun));
  if (wanted.caching !== undefined && choiceOf(CACHINGS, wanted.caching) === undefined)
    return armErrors.notOneOf("dataDisk.caching", wanted.caching, CACHINGS);
  if (wanted.deleteOption !== undefined && choiceOf(DELETE_OPTIONS, wanted.deleteOption) === undefined)
    return armErrors.notOneOf("dataDisk.deleteOption", wanted.deleteOption, DELETE_OPTIONS);
  if (wanted.forced && !wanted.toBeDetached) {
    return armErrors.invalidParameter(
      "dataDisk.detachOption",
      "The property 'dataDisk.detachOption' can be set only when 'dataDisk.toBeDetached' is true.",
    );
  }
  const disk = wanted.diskId === undefined ? undefined : parseResourceId(wanted.diskId);
  if (wanted.diskId !== undefined && disk?.type !== "disks") {
    return armErrors.invalidParameter(
      "dataDisk.managedDisk.id",
      `The value '${wanted.diskId}' of parameter 'dataDisk.managedDisk.id' is not the id of a managed disk.`,
    );
  }
  if (disk !== undefined && !sameId(disk.subscriptionId, vm.subscriptionId))
    return armErrors.otherSubscription(vm.subscriptionId, disk.subscriptionId);
  return undefined;
}

function findEntry(vm: VirtualMachine, wanted: RequestedDataDisk): DataDisk | undefined {
  const { diskId, name } = wanted;
  if (diskId !== undefined) return vm.dataDisks.find((entry) => sameId(entry.diskId, diskId));
  return name === undefined ? undefined : vm.dataDisks.find((entry) => sameId(entry.name, name));
}

function planExisting(
  world: World,
  vm: VirtualMachine,
  existing: DataDisk,
  wanted: RequestedDataDisk,
): DataDisk | ArmFailure | undefined {
  if (wanted.lun !== undefined && wanted.lun !== existing.lun)
    return armErrors.changeNotAllowed("dataDisk.lun");
  if (wanted.createOption !== undefined && wanted.createOption !== existing.createOption)
    return armErrors.changeNotAllowed("dataDisk.createOption");
  if (wanted.toBeDetached) return leaving(existing, wanted.forced);
  if (isLeaving(existing)) return armErrors.attachWhileBeingDetached(existing.name, vm.name);
  const spec = existing.makes ?? findDisk(world, existing.diskId)?.spec;
  // Azure keeps the entry of a disk that is gone, and refuses each list that has it (kubernetes#88444).
  if (spec === undefined) return armErrors.diskNotFound(existing.name);
  const refused = checkDiskUnchanged(vm, existing, spec, wanted);
  if (refused !== undefined) return refused;
  const kept = {
    ...existing,
    caching: choiceOf(CACHINGS, wanted.caching) ?? existing.caching,
    writeAcceleratorEnabled:
      wanted.writeAcceleratorEnabled ?? (existing.writeAcceleratorEnabled === undefined ? undefined : false),
    deleteOption: choiceOf(DELETE_OPTIONS, wanted.deleteOption) ?? existing.deleteOption,
  };
  const isCachedAsBefore =
    kept.caching === existing.caching &&
    (kept.writeAcceleratorEnabled ?? false) === (existing.writeAcceleratorEnabled ?? false);
  return (isCachedAsBefore ? undefined : checkHostCache(vm, { name: existing.name, spec }, kept)) ?? kept;
}

/**
 * A disk is changed by itself, never by its VM's list. A list with what the disk had before its own change is
 * refused, too.
 */
function checkDiskUnchanged(
  vm: VirtualMachine,
  { diskId, becomes }: DataDisk,
  spec: DiskSpec,
  { sizeGiB, skuName, iops, mbps }: RequestedDataDisk,
): ArmFailure | undefined {
  const { performance } = spec;
  if (performance !== undefined && iops !== undefined && iops !== performance.iops)
    return armErrors.changeNotAllowed("dataDisk.diskIOPSReadWrite");
  if (performance !== undefined && mbps !== undefined && mbps !== performance.mbps)
    return armErrors.changeNotAllowed("dataDisk.diskMBpsReadWrite");
  if (sizeGiB !== undefined && sizeGiB !== spec.sizeGiB)
    return vm.power === "deallocated"
      ? armErrors.resizeThroughVm(vm.name, diskId)
      : armErrors.resizeWhileRunning();
  return skuName === undefined || skuName.toLowerCase() === (becomes ?? spec.sku.name).toLowerCase()
    ? undefined
    : armErrors.skuChangeThroughVm(vm.name, diskId);
}

function planNew(vm: VirtualMachine, wanted: RequestedDataDisk): DataDisk | ArmFailure | undefined {
  // There is nothing to detach: the requested state exists.
  if (wanted.toBeDetached) return undefined;
  const { lun, createOption = "Attach" } = wanted;
  const disk = createOption === "Empty" ? diskToMake(vm, wanted) : diskToAttach(createOption, wanted);
  if ("code" in disk) return disk;
  if (lun === undefined) return armErrors.lunMissing();
  return {
    lun,
    ...disk,
    caching: choiceOf(CACHINGS, wanted.caching) ?? "None",
    writeAcceleratorEnabled: wanted.writeAcceleratorEnabled,
    deleteOption: choiceOf(DELETE_OPTIONS, wanted.deleteOption) ?? "Detach",
    ...(wanted.diskEncryptionSetId === undefined ? {} : { diskEncryptionSetId: wanted.diskEncryptionSetId }),
    phase: "Attaching",
    forced: false,
  };
}

type WantedDisk = Pick<DataDisk, "name" | "diskId" | "createOption" | "makes" | "becomes"> | ArmFailure;

function diskToMake(vm: VirtualMachine, wanted: RequestedDataDisk): WantedDisk {
  if (wanted.diskId !== undefined) return armErrors.emptyWithManagedDisk();
  const makes = newDiskSpec(vm.size, wanted);
  if ("kind" in makes) return makes;
  const { name = "" } = wanted;
  return { name, diskId: newDiskId(vm, name), createOption: "Empty", makes };
}

function diskToAttach(createOption: string, { diskId, skuName = "" }: RequestedDataDisk): WantedDisk {
  if (createOption !== "Attach")
    return armErrors.invalidParameter(
      "dataDisk.createOption",
      `The emulator supports only createOption ${CREATE_OPTIONS.join(" and ")} for data disks, not ` +
        `'${createOption}'.`,
    );
  if (diskId === undefined)
    return armErrors.invalidParameter(
      "dataDisk.managedDisk.id",
      "Required parameter 'dataDisk.managedDisk.id' is missing (null).",
    );
  const name = parseResourceId(diskId)?.name ?? "";
  const becomes = findDiskSku(skuName)?.name;
  return { name, diskId, createOption: "Attach", ...(becomes === undefined ? {} : { becomes }) };
}

function checkList(vm: VirtualMachine, entries: readonly DataDisk[]): DataDiskPlan {
  const luns = new Set<number>();
  const names = new Set<string>();
  for (const entry of entries) {
    if (luns.has(entry.lun)) return armErrors.duplicateLun(entry.lun);
    if (names.has(entry.name.toLowerCase())) return armErrors.duplicateDiskName(entry.name);
    luns.add(entry.lun);
    names.add(entry.name.toLowerCase());
  }
  const staying = entries.filter((entry) => !isLeaving(entry)).length;
  if (staying > vm.size.dataDisksMax && staying > vm.dataDisks.filter((entry) => !isLeaving(entry)).length)
    return armErrors.tooManyDataDisks(vm.size.dataDisksMax);
  return { kind: "Plan", entries };
}

/** An entry whose disk is to be detached; undefined if the disk never reached the VM. */
function leaving(entry: DataDisk, forced: boolean): DataDisk | undefined {
  if (entry.phase === "AttachFailed" || entry.makes !== undefined) return undefined;
  return { ...entry, phase: "Detaching", forced: forced || (entry.forced && isLeaving(entry)) };
}

/** Whether an entry is to be detached without its guest. The service does not distinguish its case. */
export function isForced(entry: Json): boolean {
  return textAt(entry, "detachOption")?.toLowerCase() === "forcedetach";
}

function inOrderOf(vm: VirtualMachine, entries: readonly DataDisk[]): readonly DataDisk[] {
  return vm.dataDisks.flatMap((before) => entries.find((entry) => entry.lun === before.lun) ?? []);
}

function freeLun(entries: readonly DataDisk[]): number {
  let lun = 0;
  while (entries.some((entry) => entry.lun === lun)) lun += 1;
  return lun;
}
