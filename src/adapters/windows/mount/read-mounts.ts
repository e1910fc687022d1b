import { readdir } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import { undefinedIfMissing } from "../../../core/primitives/error-code.ts";
import type { MountPoint } from "../../../ports/host/host-provisioner.ts";
import { volumeOf } from "../partitions.ts";
import { query } from "../storage-call.ts";
import type { WindowsHostContext } from "../windows-host-context.ts";
import {
  folderAt,
  type Mounted,
  mountedFolders,
  presentFolders,
  refuseHidden,
  refuseUnknown,
} from "./mounted-folders.ts";
import { linkAt, pathKey } from "./paths.ts";
import { isPlaceholder } from "./placeholder.ts";

/** A device number that no disk has: of a placeholder, and of a dead mount that an earlier instance made. */
const NO_DEVICE = "0:0";
/** The attribute of a folder that a volume was mounted at. https://learn.microsoft.com/windows/win32/fileio/file-attribute-constants */
const REPARSE_POINT = 0x400;

const itemSchema = z.object({ Attributes: z.number().int() });

/** The mount at a path: a volume's folder, or a link to one. What looks dead is looked at again. */
export async function mountAt(
  host: WindowsHostContext,
  path: string,
): Promise<Result<MountPoint | undefined>> {
  const mounted = await mountedFolders(host);
  if (!mounted.ok) return mounted;
  const mount = await mountIn(host, mounted.value, path);
  if (!mount.ok || mount.value?.isDead !== true) return mount;
  const present = await presentFolders(host);
  return present.ok ? mountIn(host, present.value, path) : present;
}

async function mountIn(
  host: WindowsHostContext,
  mounted: Mounted,
  path: string,
): Promise<Result<MountPoint | undefined>> {
  const direct = await knownMount(host, mounted, path);
  if (!direct.ok || direct.value !== undefined) return direct;
  const link = await linkAt(path);
  if (link !== undefined) {
    if (isPlaceholder(link)) return ok(placeholderAt(path));
    const staged = await knownMount(host, mounted, link);
    if (!staged.ok) return staged;
    const shown = staged.value === undefined ? refuseHidden(mounted) : ok(undefined);
    if (!shown.ok) return shown;
    return ok({ ...(staged.value ?? deadMount(NO_DEVICE, "")), path });
  }
  // A mount of an earlier instance, whose disk is gone.
  const items = await query(
    host.powerShell,
    "Get-Item",
    { LiteralPath: path, Force: true, ErrorAction: "SilentlyContinue" },
    itemSchema,
  );
  if (!items.ok) return items;
  const attributes = items.value[0]?.Attributes ?? 0;
  if ((attributes & REPARSE_POINT) === 0) return ok(undefined);
  const shown = refuseHidden(mounted);
  return shown.ok ? ok({ ...deadMount(NO_DEVICE, ""), path }) : shown;
}

async function knownMount(
  host: WindowsHostContext,
  mounted: Mounted,
  path: string,
): Promise<Result<MountPoint | undefined>> {
  const at = folderAt(mounted, path);
  if (!at.ok) return at;
  const folder = at.value;
  if (folder === undefined) {
    const gone = host.mounted.get(pathKey(path));
    if (gone === undefined) return ok(undefined);
    const shown = refuseHidden(mounted);
    return shown.ok ? ok({ ...deadMount(gone.majorMinor, gone.fsType), path }) : shown;
  }
  const volume = await volumeOf(host, folder.partition);
  if (!volume.ok) return volume;
  return ok({
    // As Windows shows it, also where it was asked for in other cases.
    path: folder.path,
    majorMinor: folder.device.majorMinor,
    fsType: (volume.value.FileSystem ?? "").toLowerCase(),
    root: "/",
    readOnly: false,
    isDead: false,
    isPlaceholder: false,
  });
}

/**
 * Every folder and link of a device, links below the kubelet's folders only: elsewhere there are none. No
 * other device's volume is asked about: its failure would be this one's.
 */
export async function mountsOf(
  host: WindowsHostContext,
  majorMinor: string,
): Promise<Result<readonly MountPoint[]>> {
  const mounted = await mountedFolders(host);
  if (!mounted.ok) return mounted;
  const known = refuseUnknown(mounted.value, majorMinor);
  if (!known.ok) return known;
  const isOfDevice = (path: string): boolean => {
    const at = folderAt(mounted.value, path);
    const place = at.ok ? (at.value?.device ?? host.mounted.get(pathKey(path))) : undefined;
    return place?.majorMinor === majorMinor;
  };
  const folderPaths = [...mounted.value.folders, ...host.mounted.values()].map(({ path }) => path);
  const links = await publishedLinks(host.kubeletDirectories);
  const paths = [
    ...folderPaths.filter(isOfDevice),
    ...links.filter(({ target }) => isOfDevice(target)).map(({ path }) => path),
  ];
  const mounts: MountPoint[] = [];
  for (const path of new Map(paths.map((each) => [pathKey(each), each])).values()) {
    const mount = await mountIn(host, mounted.value, path);
    if (!mount.ok) return mount;
    if (mount.value?.majorMinor === majorMinor) mounts.push(mount.value);
  }
  return ok(mounts);
}

/** Where pods' volumes of this or any CSI driver are published, below the folders of kubelets. */
async function publishedLinks(
  kubeletDirectories: readonly string[],
): Promise<readonly { readonly path: string; readonly target: string }[]> {
  const links: { readonly path: string; readonly target: string }[] = [];
  for (const directory of kubeletDirectories) {
    const pods = join(directory, "pods");
    for (const pod of await namesIn(pods)) {
      const volumes = join(pods, pod, "volumes", "kubernetes.io~csi");
      for (const volume of await namesIn(volumes)) {
        const path = join(volumes, volume, "mount");
        const target = await linkAt(path);
        if (target !== undefined) links.push({ path, target });
      }
    }
  }
  return links;
}

async function namesIn(directory: string): Promise<readonly string[]> {
  return (await readdir(directory).catch(undefinedIfMissing)) ?? [];
}

function placeholderAt(path: string): MountPoint {
  return { ...deadMount(NO_DEVICE, ""), path, readOnly: true, isDead: false, isPlaceholder: true };
}

function deadMount(majorMinor: string, fsType: string): Omit<MountPoint, "path"> {
  return { majorMinor, fsType, root: "/", readOnly: false, isDead: true, isPlaceholder: false };
}
