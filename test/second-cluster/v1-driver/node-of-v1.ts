import { existsSync } from "node:fs";
import { access, mkdir, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { ok } from "../../../src/core/failure/result.ts";
import type {
  NodeService,
  NodeServiceCapability_RPC_Type,
  VolumeCapability,
} from "../../../src/csi/gen/csi/v1/csi.ts";
import type { HandlersOf } from "../../../src/csi/server/unary-handler.ts";
import { run } from "../../../testbed/lab/units/run.ts";
import { ZONE_KEY } from "./controller-of-v1.ts";

const CAPABILITIES: readonly NodeServiceCapability_RPC_Type[] = [
  "STAGE_UNSTAGE_VOLUME",
  "SINGLE_NODE_MULTI_WRITER",
];
const MAX_VOLUMES = 16n;
const WELL_KNOWN_ZONE_KEY = "topology.kubernetes.io/zone";

/**
 * V1's node service, as far as pods need it: it creates a file system where there is none, mounts it at the
 * staging path, and binds it to the target; it binds a block device.
 */
export function nodeOfV1({
  nodeName,
  zone,
}: {
  readonly nodeName: string;
  readonly zone: string;
}): HandlersOf<typeof NodeService> {
  return {
    nodeGetCapabilities: async () =>
      ok({
        capabilities: CAPABILITIES.map((type) => ({ type: { $case: "rpc", value: { type } } }) as const),
      }),
    nodeGetInfo: async () =>
      ok({
        nodeId: nodeName,
        maxVolumesPerNode: MAX_VOLUMES,
        accessibleTopology: { segments: { [WELL_KNOWN_ZONE_KEY]: zone, [ZONE_KEY]: zone } },
      }),
    nodeStageVolume: async ({ publishContext, stagingTargetPath, volumeCapability, volumeContext }) => {
      if (isBlock(volumeCapability) || (await isMounted(stagingTargetPath))) return ok({});
      const device = await deviceAt(publishContext);
      const fsType = volumeContext["fsType"] ?? "ext4";
      if (await isBlank(device))
        await run([`mkfs.${fsType}`, ...(fsType === "xfs" ? ["-f"] : ["-F", "-m0"]), device]);
      await mkdir(stagingTargetPath, { recursive: true });
      await run(["mount", "-t", fsType, device, stagingTargetPath]);
      return ok({});
    },
    nodeUnstageVolume: async ({ stagingTargetPath }) => {
      if (await isMounted(stagingTargetPath)) await run(["umount", stagingTargetPath]);
      if (existsSync(stagingTargetPath)) await rmdir(stagingTargetPath);
      return ok({});
    },
    nodePublishVolume: async ({
      publishContext,
      stagingTargetPath,
      targetPath,
      volumeCapability,
      readonly,
    }) => {
      if (await isMounted(targetPath)) return ok({});
      if (isBlock(volumeCapability)) {
        await mkdir(dirname(targetPath), { recursive: true });
        await writeFile(targetPath, "");
      } else {
        await mkdir(targetPath, { recursive: true });
      }
      const source = isBlock(volumeCapability) ? await deviceAt(publishContext) : stagingTargetPath;
      await run(["mount", "--bind", ...(readonly ? ["-o", "ro"] : []), source, targetPath]);
      return ok({});
    },
    nodeUnpublishVolume: async ({ targetPath }) => {
      if (await isMounted(targetPath)) await run(["umount", targetPath]);
      await rm(targetPath, { force: true, recursive: false }).catch(() => rmdir(targetPath));
      return ok({});
    },
  };
}

function isBlock(capability: VolumeCapability | undefined): boolean {
  return capability?.accessType?.$case === "block";
}

/** The device at the LUN that the controller answered. */
async function deviceAt(publishContext: Readonly<Record<string, string>>): Promise<string> {
  const device = `/dev/disk/azure/scsi1/lun${publishContext["LUN"] ?? "?"}`;
  await access(device);
  return device;
}

async function isBlank(device: string): Promise<boolean> {
  const type = await run(["blkid", "--probe", "--match-tag", "TYPE", "--output", "value", device]).catch(
    () => "",
  );
  return type.trim() === "";
}

async function isMounted(path: string): Promise<boolean> {
  return run(["findmnt", "--noheadings", "--mountpoint", path]).then(
    () => true,
    () => false,
  );
}
