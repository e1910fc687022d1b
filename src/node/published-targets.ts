import type { Failure } from "../core/failure.ts";
import { ok, type Result } from "../core/result.ts";
import type { NodePorts } from "./node-ports.ts";

/** Where a volume is still bound on this node: what the notes list and is really mounted, and whatever else shows its device. Sorted. */
export async function publishedTargets(
  ports: NodePorts,
  volumeId: string,
  stagingPath: string,
  signal: AbortSignal,
): Promise<Result<readonly string[], Failure>> {
  const note = ports.notes.volumes().find((other) => other.volumeId.toLowerCase() === volumeId.toLowerCase());
  return boundTargets(ports, { targetPaths: note?.targetPaths ?? [], stagingPath }, signal);
}

/** The same for paths that the caller knows of, in its notes or by what it found. Those that it knows for targets are targets, also where one stands for the staging path. */
export async function boundTargets(
  ports: Pick<NodePorts, "host">,
  { targetPaths, stagingPath }: { readonly targetPaths: readonly string[]; readonly stagingPath: string },
  signal: AbortSignal,
): Promise<Result<readonly string[], Failure>> {
  const bound = new Set<string>();
  for (const target of targetPaths) {
    const mounted = await ports.host.mountAt(target, signal);
    if (!mounted.ok) return mounted;
    if (mounted.value !== undefined) bound.add(target);
  }
  const staged = await ports.host.mountAt(stagingPath, signal);
  if (!staged.ok) return staged;
  if (staged.value !== undefined) {
    const mounts = await ports.host.mountsOf(staged.value.majorMinor, signal);
    if (!mounts.ok) return mounts;
    for (const mount of mounts.value) if (mount.path !== stagingPath) bound.add(mount.path);
  }
  return ok([...bound].toSorted());
}
