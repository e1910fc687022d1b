import { chooseLuns, LUNS_MAX } from "../../src/core/azure/choose-luns.ts";
import { isSameResourceUri } from "../../src/core/azure/ids/disk-uri.ts";
import { parseInstanceUri } from "../../src/core/azure/ids/instance-uri.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { isTerminal } from "../../src/provisioner/arm/provisioning-state.ts";
import type { ArmHttp, ArmHttpAnswer, Json } from "./arm-http.ts";

/** The VM that the probe writes to, and the disk that it makes for that. */
export interface ProbeVm {
  /** Resource id of a VM, or of an instance of a uniform scale set. */
  readonly vmId: string;
  readonly diskId: string;
  readonly location: string;
  readonly http: ArmHttp;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Between polls, in milliseconds. */
  readonly pollMs: number;
  /** How long writes are watched for after a forced detach, in milliseconds. */
  readonly watchMs: number;
  /** Names the disk inside VMs: letters and digits, another one for each run. */
  readonly token: string;
  readonly diskBytes: number;
  /** The VM that shares the disk with this one. */
  readonly second?: ProbeVm | undefined;
}

/** A write of the VM, from its answer to the end of its operation. */
export interface Written {
  readonly answer: ArmHttpAnswer;
  /** ETags before it, right after it was accepted, and after its operation. */
  readonly etags: readonly [before: string, accepted: string, ended: string];
  /** What was seen at the operation's end: `Succeeded`, `Failed`, or the code of a refusal. */
  readonly end: string;
  /** `Retry-After` of its polls, where they have one. */
  readonly retryAfter: readonly string[];
}

/** An operation that takes longer has no end for the probe, in milliseconds: some take minutes. */
const OPERATION_MAX_MS = 15 * 60_000;

/** Whether the VM is an instance of a uniform scale set, which is written by PUT and never tagged. */
export function isInstance({ vmId }: Pick<ProbeVm, "vmId">): boolean {
  return parseInstanceUri(vmId)?.scaleSetName !== undefined;
}

/** Reads the VM. Throws if it can't be read. */
export async function readVm(vm: ProbeVm): Promise<Json> {
  return read(vm, vm.vmId);
}

/** Reads a resource. Throws if it can't be read. */
export async function read({ http }: ProbeVm, path: string): Promise<Json> {
  const { status, body } = await http({ method: "GET", path });
  if (status !== 200) throw new Error(`GET ${path} was answered ${status}: ${JSON.stringify(body)}`);
  return body;
}

/** The ETag of a VM that was read; empty: Azure sent none. */
export function etagOf(vm: Json): string {
  return typeof vm?.["etag"] === "string" ? vm["etag"] : "";
}

/** The data disks of a VM that was read, as they are. */
export function dataDisksOf(vm: Json): readonly Record<string, unknown>[] {
  const properties = vm?.["properties"] as { storageProfile?: { dataDisks?: Record<string, unknown>[] } };
  return properties.storageProfile?.dataDisks ?? [];
}

/**
 * Writes to the VM what `bodyOf` makes of it, on the condition of that very read: a body is a whole list, so
 * one that is older than its ETag would take off what others have attached in between. Waits for the end.
 * Throws if Azure sends no ETag.
 */
export async function writeVm(vm: ProbeVm, bodyOf: (present: Json) => object): Promise<Written> {
  const present = await readVm(vm);
  const before = etagOf(present);
  if (before === "")
    throw new Error(`Azure sent no ETag of ${vm.vmId}, without which nothing is written to it`);
  const answer = await sendWrite(vm, bodyOf(present), before);
  const accepted = etagOf(await readVm(vm));
  const { end, retryAfter } = await untilEnded(vm, answer);
  return { answer, etags: [before, accepted, etagOf(await readVm(vm))], end, retryAfter };
}

/** Sends a write of the VM, and waits for nothing. */
export function sendWrite(vm: ProbeVm, body: object, ifMatch: string): Promise<ArmHttpAnswer> {
  return vm.http({ method: isInstance(vm) ? "PUT" : "PATCH", path: vm.vmId, body, ifMatch });
}

/** The data disks that the VM has. */
export function sameDisks(present: Json): object {
  return withDataDisks(dataDisksOf(present));
}

/** They, and the probe's disk at the first free LUN. */
export function withProbeDisk(vm: ProbeVm, present: Json): object {
  const disks = dataDisksOf(present);
  const usedLuns = disks.map((entry) => Number(entry["lun"]));
  const [lun] = chooseLuns({ usedLuns, reservedLuns: [], dataDisksMax: LUNS_MAX, count: 1 });
  const entry = { lun, createOption: "Attach", caching: "None", managedDisk: { id: vm.diskId } };
  return withDataDisks([...disks, entry]);
}

/** The data disks that the VM has, without the probe's disk. */
export function withoutProbeDisk(vm: ProbeVm, present: Json): object {
  return withDataDisks(dataDisksOf(present).filter((entry) => !isProbeDisk(vm, entry)));
}

/** A body with this list of data disks, which replaces the VM's. */
export function withDataDisks(dataDisks: readonly object[]): object {
  return { properties: { storageProfile: { dataDisks } } };
}

/** Whether an entry of a VM's list is the probe's disk. */
export function isProbeDisk({ diskId }: ProbeVm, entry: Record<string, unknown>): boolean {
  const { id = "" } = (entry["managedDisk"] ?? {}) as { readonly id?: string };
  return isSameResourceUri(id, diskId);
}

/** Attaches the probe's disk to a VM that may have it. Throws if that fails. */
export async function attachProbeDisk(vm: ProbeVm): Promise<void> {
  if (await hasProbeDisk(vm)) return;
  const { end } = await writeVm(vm, (present) => withProbeDisk(vm, present));
  if (end !== "Succeeded") throw new Error(`the disk was not attached to ${vm.vmId}: ${end}`);
}

/** Detaches the probe's disk from a VM that may have it. Throws if that fails. */
export async function detachProbeDisk(vm: ProbeVm): Promise<void> {
  if (!(await hasProbeDisk(vm))) return;
  const { end } = await writeVm(vm, (present) => withoutProbeDisk(vm, present));
  if (end !== "Succeeded") throw new Error(`the disk was not detached from ${vm.vmId}: ${end}`);
}

/** Whether Azure lists the probe's disk at the VM. Throws if that can't be read. */
export async function hasProbeDisk(vm: ProbeVm): Promise<boolean> {
  return dataDisksOf(await readVm(vm)).some((entry) => isProbeDisk(vm, entry));
}

/** Whether the VM runs. Throws if it can't be read. */
export async function isRunning(vm: ProbeVm): Promise<boolean> {
  const { properties } = (await read(vm, `${vm.vmId}?$expand=instanceView`)) as {
    readonly properties?: {
      readonly instanceView?: { readonly statuses?: readonly { readonly code?: string }[] };
    };
  };
  return properties?.instanceView?.statuses?.some(({ code }) => code === "PowerState/running") ?? false;
}

/** How an operation ended. */
export interface Ended extends Pick<Written, "end" | "retryAfter"> {
  /** By Azure's clock, in milliseconds since 1970; NaN: Azure does not say. */
  readonly startedMs: number;
  readonly endedMs: number;
}

/** Follows an operation to its end. */
export async function untilEnded(vm: ProbeVm, { status, headers, body }: ArmHttpAnswer): Promise<Ended> {
  const retryAfter: string[] = [];
  const unseen = { retryAfter, startedMs: Number.NaN, endedMs: Number.NaN };
  if (status >= 400) return { end: codeOf(body) ?? String(status), ...unseen };
  const url = headers["azure-asyncoperation"];
  if (url === undefined) return { end: await untilAtRest(vm, body), ...unseen };
  const startedMs = vm.clock.elapsedMs();
  while (vm.clock.elapsedMs() - startedMs < OPERATION_MAX_MS) {
    const polled = await vm.http({ method: "GET", path: url });
    const wait = polled.headers["retry-after"];
    if (wait !== undefined) retryAfter.push(wait);
    const state = polled.body?.["status"];
    if (typeof state === "string" && state !== "InProgress")
      return {
        end: state === "Succeeded" ? state : (codeOf(polled.body) ?? state),
        retryAfter,
        startedMs: Date.parse(String(polled.body?.["startTime"])),
        endedMs: Date.parse(String(polled.body?.["endTime"])),
      };
    await vm.clock.sleep(vm.pollMs, vm.signal);
  }
  return { end: `still running after ${OPERATION_MAX_MS / 60_000} min`, ...unseen };
}

/** Reads the resource that an answer without an operation shows, until that is at rest; returns its state. */
async function untilAtRest(vm: ProbeVm, answered: Json): Promise<string> {
  const startedMs = vm.clock.elapsedMs();
  for (let shown = answered; ; shown = await read(vm, String(answered?.["id"]))) {
    const { provisioningState: state } = (shown?.["properties"] ?? {}) as {
      readonly provisioningState?: string;
    };
    if (state === undefined) return "Succeeded";
    if (isTerminal(state) || vm.clock.elapsedMs() - startedMs >= OPERATION_MAX_MS) return state;
    await vm.clock.sleep(vm.pollMs, vm.signal);
  }
}

/** The code of an error in a body. */
export function codeOf(body: Json): string | undefined {
  const { code } = (body?.["error"] ?? {}) as { readonly code?: unknown };
  return typeof code === "string" ? code : undefined;
}
