import { type FaultContext, overAtOnce } from "../fault-class.ts";

/**
 * How soon a plug-in dies in the mount that it is about to begin, in milliseconds: its command runs by
 * then.
 */
const DIES_AFTER_MS = 50;

/**
 * To be called right before a node mounts: its plug-in dies in the middle of it, and the mount command
 * survives. `died`: what happens to the node at the same moment.
 */
export function dieInMount(
  { world, later }: Pick<FaultContext, "world" | "later">,
  nodeName: string,
  {
    mountsForMs,
    diesAfterMs = DIES_AFTER_MS,
    died = overAtOnce,
  }: { readonly mountsForMs: number; readonly diesAfterMs?: number; readonly died?: () => void },
): void {
  const plugin = world.nodePlugin(nodeName);
  const kernel = world.azure.machineOf(nodeName)?.kernel;
  kernel?.setLatencyMs("mountDevice", mountsForMs);
  later(diesAfterMs, () => {
    plugin?.killWithCommands({ childrenSurvive: true });
    died();
    kernel?.setLatencyMs("mountDevice", 0);
  });
}
