import type { AzVolume, Writer } from "../../core/api/az-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { give, isFencing, isWriter, take, wantAgain } from "../../core/writer/writer-steps.ts";
import { moveRecord } from "../../objects/update-record.ts";
import type { NodePorts } from "../node-ports.ts";
import { accessTypeOf } from "./clean-check-target.ts";
import { olderThanNoted, readTrustedGeneration } from "./rollback-detector.ts";
import { showClean } from "./verify-clean.ts";

/**
 * *take*: makes this node the holder of the volume, before anything is checked, formatted or mounted. Fails with `HostNotReady` while a mount
 * command of an earlier plug-in lives, `StoreWentBack` while records are proven anew, or `NotWriter` where the record does not allow it.
 */
export async function takeVolume(ports: NodePorts, volumeName: string, lun: number, signal: AbortSignal): Promise<Result<AzVolume, Failure>> {
  const alive = await ports.host.earlierChildrenAlive(signal);
  if (!alive.ok) return alive;
  if (alive.value) return fail({ kind: "HostNotReady", detail: "a mount command of an earlier plug-in is still running" });
  const accessType = accessTypeOf({
    volume: ports.cache.get("AzVolume", volumeName),
    note: ports.notes.volumes().find((other) => other.volumeName === volumeName),
  });
  const clean = await ports.host.isClean({ accessType, lun, lastMajorMinor: undefined, lunsOfOthers: [] }, signal);
  if (!clean.ok) return clean;
  let storeGeneration = Number.NaN;
  // After the record was read: a store that went back in between would show a record in which this node is the writer, while another one is.
  const confirm = async (): Promise<Result<unknown, Failure>> => {
    const trusted = await readTrustedGeneration(ports, signal);
    if (trusted.ok) storeGeneration = trusted.value;
    return trusted;
  };
  const taken = await moveRecord(
    ports,
    { volumeName, nodeName: ports.node.nodeName, step: "take", confirm },
    (record, volume) => {
      const older = olderThanNoted(ports, volume);
      if (older !== undefined) return fail(`the object store went back to an older state: ${older}`);
      return take(record, ports.node, { isClean: clean.value.clean, storeGeneration });
    },
    signal,
  );
  if (taken.ok) ports.logger.info("volume taken", { volumeName, epoch: taken.value.status?.record?.writer?.epoch });
  return taken;
}

/**
 * *give*: hands the volume back once nothing here can write to it any more. An unmount alone does not show that: a check or mount command of this or an
 * earlier plug-in may still be under way, and a process may have the raw device open. Success, too, if the record no longer says that this node holds it.
 * Fails with `DeviceBusy` while the node is not clean, and with `StillWaiting` while nothing tells where to look.
 */
export async function giveVolume(ports: NodePorts, volumeName: string, signal: AbortSignal): Promise<Result<void, Failure>> {
  const read = await ports.store.get("AzVolume", volumeName, signal);
  if (!read.ok) return read.failure.kind === "ObjectNotFound" ? ok(undefined) : read;
  const record = read.value.status?.record;
  const writer = record?.writer;
  if (record === undefined || writer === undefined || !isWriter(record, ports.node) || !writer.held) return ok(undefined);
  const clean = await proveClean(ports, read.value, signal);
  if (!clean.ok) return clean;
  const given = await moveRecord(
    ports,
    { volumeName, nodeName: ports.node.nodeName, step: "give", justRead: read.value },
    (present) => give(present, ports.node, writer.epoch),
    signal,
  );
  if (!given.ok) return given.failure.kind === "NotWriter" || given.failure.kind === "ObjectNotFound" ? ok(undefined) : given;
  ports.logger.info("volume given back", { volumeName, epoch: writer.epoch });
  return ok(undefined);
}

/** It had the disk, so it takes more than to find nothing where nobody knows where to look: a note that was lost must not make it look clean. */
function proveClean(ports: NodePorts, volume: AzVolume, signal: AbortSignal): Promise<Result<void, Failure>> {
  const volumeName = volume.metadata.name;
  const note = ports.notes.volumes().find((other) => other.volumeName === volumeName);
  const attachment = ports.cache.byIndex("AzVolumeAttachment", "volumeName", volumeName).find((other) => other.spec.nodeName === ports.node.nodeName);
  const volumeId = volume.status?.detail?.diskUri ?? volumeName;
  return showClean(ports, { volume, attachment, note, volumeId }, "evidence", signal);
}

/**
 * Proves by a fresh read that this node holds the volume and is not being cut off, and states the want again if a release check had ended it:
 * after this no fence can be declared that has not seen the new user. Answers the writer, or undefined where it is not this node that holds it.
 */
export async function confirmHeld(ports: NodePorts, volumeName: string, signal: AbortSignal): Promise<Result<Writer | undefined, Failure>> {
  const read = await ports.store.get("AzVolume", volumeName, signal);
  if (!read.ok) return read;
  const record = read.value.status?.record;
  const writer = record?.writer;
  if (record === undefined || writer === undefined || !isWriter(record, ports.node) || !writer.held || isFencing(record, ports.node)) return ok(undefined);
  if (writer.wanted) return ok(writer);
  const wanted = await moveRecord(
    ports,
    { volumeName, nodeName: ports.node.nodeName, step: "want", justRead: read.value },
    (present) => wantAgain(present, ports.node),
    signal,
  );
  if (wanted.ok) return ok(wanted.value.status?.record?.writer);
  // Another want of this node may have been faster, or a fence: the fresh record tells.
  return wanted.failure.kind === "NotWriter" ? confirmStillHeld(ports, volumeName, signal) : wanted;
}

async function confirmStillHeld(ports: NodePorts, volumeName: string, signal: AbortSignal): Promise<Result<Writer | undefined, Failure>> {
  const read = await ports.store.get("AzVolume", volumeName, signal);
  if (!read.ok) return read;
  const record = read.value.status?.record;
  const isHeld = record !== undefined && isWriter(record, ports.node) && record.writer?.held === true && record.writer.wanted && !isFencing(record, ports.node);
  return ok(isHeld ? record.writer : undefined);
}
