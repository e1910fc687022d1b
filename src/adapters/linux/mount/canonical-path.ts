import { realpath } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { topMountAt } from "../../../core/node/parse-mountinfo.ts";
import { errorCode, undefinedIfMissing } from "../../../core/primitives/error-code.ts";
import { callIn, hangs } from "../call-lane.ts";
import type { HostContext } from "../host-context.ts";
import { readMountinfo } from "./read-mountinfo.ts";

/** The parts of the host that a path is looked up with. */
type PathHost = Pick<HostContext, "lookups" | "procRoot">;

/**
 * Where the links that lead to paths have led, by the link: a root disk that has shut down reads none. There
 * are few, such as that of kubelet's folder.
 */
const knownLinks = new Map<string, string>();

/**
 * The path as mountinfo shows it: links in the directories above are followed, the last component is taken
 * as it is, since looking at the root of a dead XFS answers EIO, and since nothing is ever mounted on a
 * link. On a root disk that has shut down the links count as they were followed before, and a path without
 * one as it was given: the kernel keeps every directory that leads to a mount in memory, so nothing is
 * mounted where one can't be looked up.
 */
export async function canonicalPath(host: PathHost, path: string): Promise<string> {
  const absolute = resolve(path);
  const given = dirname(absolute);
  const parent = await follow(host, given).catch(async (error: unknown) => {
    if (errorCode(error) === "EIO") return asFollowedBefore(given);
    return hangs(error) ? await asKnown(host, absolute, error) : undefinedIfMissing(error);
  });
  if (parent === undefined) return absolute;
  if (parent !== given && parent !== asFollowedBefore(given)) await rememberLink(host, given, parent);
  return join(parent, basename(absolute));
}

function follow({ lookups }: PathHost, path: string): Promise<string> {
  return callIn(lookups, `realpath ${path}`, () => realpath(path));
}

/**
 * The folder of a path on a disk that hangs: by a link that was followed before, or as it was given where the
 * path is a mount point, and so leads through no link. Throws `error` otherwise: a link that was never
 * followed may hide a mount.
 */
async function asKnown({ procRoot }: PathHost, absolute: string, error: unknown): Promise<string> {
  const given = dirname(absolute);
  const followed = asFollowedBefore(given);
  if (followed !== undefined) return followed;
  if (topMountAt(await readMountinfo(procRoot), absolute) === undefined) throw error;
  return given;
}

/** Remembers the lowest link that leads from `given` to `parent`: each path below it is found by that one. */
async function rememberLink(host: PathHost, given: string, parent: string): Promise<void> {
  let [link, target] = [given, parent];
  while (link !== dirname(link)) {
    const above = await follow(host, dirname(link)).catch(() => undefined);
    if (above === undefined || join(above, basename(link)) !== target) break;
    [link, target] = [dirname(link), above];
  }
  knownLinks.set(link, target);
}

function asFollowedBefore(path: string): string | undefined {
  for (let link = path; link !== dirname(link); link = dirname(link)) {
    const target = knownLinks.get(link);
    if (target !== undefined) return join(target, relative(link, path));
  }
  return undefined;
}
