import { basename } from "node:path";

/** `kernel/fs/xfs/xfs.ko: kernel/lib/libcrc32c.ko …`, as depmod(8) writes `modules.dep`. */
const LINE = /^(\S+\.ko): ?(.*)$/u;

/**
 * The files of kernel modules in the order in which insmod can load them: each after all that it depends
 * on. `dependencies` is the text of `modules.dep`. Throws for a module that the kernel lacks.
 */
export function moduleOrder(dependencies: string, names: readonly string[]): readonly string[] {
  const needs = new Map<string, readonly string[]>();
  for (const line of dependencies.split("\n")) {
    const [, file, needed = ""] = LINE.exec(line) ?? [];
    if (file !== undefined) needs.set(file, needed.split(" ").filter(Boolean));
  }
  const byName = new Map([...needs.keys()].map((file) => [basename(file, ".ko"), file]));
  const order = new Set<string>();
  const add = (file: string): void => {
    for (const needed of needs.get(file) ?? []) add(needed);
    order.add(file);
  };
  for (const name of names) {
    const file = byName.get(name);
    if (file === undefined) throw new Error(`the guests' kernel has no module ${name}`);
    add(file);
  }
  return [...order];
}
