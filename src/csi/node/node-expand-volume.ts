import type { Failure } from "../../core/failure.ts";
import { isFileSystemType } from "../../core/model/file-system.ts";
import { attachmentObjectName } from "../../core/model/object-names.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { gibToBytes } from "../../core/units.ts";
import type { NodePorts } from "../../node/node-ports.ts";
import { readVolume } from "../../reconcile/find-volume.ts";
import type { NodeExpandVolumeRequest, NodeExpandVolumeResponse } from "../gen/csi/v1/csi.ts";
import { missingField } from "../required.ts";
import type { CallContext } from "../unary-handler.ts";

/** NodeExpandVolume: grows the file system to its disk, once the device shows the disk's new size. A raw device needs only the rescan. */
export async function nodeExpandVolume(
  ports: NodePorts,
  request: NodeExpandVolumeRequest,
  call: CallContext,
): Promise<Result<NodeExpandVolumeResponse, Failure>> {
  const missing = missingField({ volume_id: request.volumeId, volume_path: request.volumePath });
  if (missing !== undefined) return fail(missing);
  return ports.locks.run(request.volumeId, "NodeExpandVolume", () => expand(ports, request, call.signal));
}

async function expand(ports: NodePorts, request: NodeExpandVolumeRequest, signal: AbortSignal): Promise<Result<NodeExpandVolumeResponse, Failure>> {
  const { volumeId, volumePath } = request;
  const volume = await readVolume(ports, volumeId, signal);
  if (!volume.ok) return volume;
  const mounted = await ports.host.mountAt(volumePath, signal);
  if (!mounted.ok) return mounted;
  if (mounted.value === undefined) return fail({ kind: "PathNotMounted", path: volumePath });
  const attachment = await ports.store.get("AzVolumeAttachment", attachmentObjectName({ diskUri: volumeId, nodeName: ports.node.nodeName }), signal);
  if (!attachment.ok) return attachment;
  const { lun, state, deviceMissing } = attachment.value.status ?? {};
  // The LUN of an attachment that does not stand may be another disk's by now.
  if (lun === undefined || state !== "Attached" || deviceMissing === true)
    return fail({ kind: "StillWaiting", volumeId, what: `its attach to ${ports.node.nodeName}` });
  const found = await ports.host.findDevice({ lun }, signal);
  if (!found.ok) return found;
  const device = await ports.host.rescanDevice(found.value, signal);
  if (!device.ok) return device;
  const wantedBytes = gibToBytes(volume.value.status?.detail?.sizeGiB ?? 0);
  if (device.value.sizeBytes < wantedBytes)
    return fail({
      kind: "StillWaiting",
      volumeId,
      what: `${device.value.path} to show its new size: it has ${device.value.sizeBytes} bytes, the disk ${wantedBytes}`,
    });
  const kind = await ports.host.pathKind(volumePath, signal);
  if (!kind.ok) return kind;
  if (kind.value !== "blockDevice") {
    const { fsType } = mounted.value;
    if (!isFileSystemType(fsType)) return fail({ kind: "Unsupported", what: `growing a ${fsType} file system` });
    const grown = await ports.host.growFileSystem({ device: device.value, mountPath: volumePath, fsType }, signal);
    if (!grown.ok) return grown;
  }
  return ok({ capacityBytes: device.value.sizeBytes });
}
