import { suggestion } from "../../src/cli/read-values.ts";

/**
 * What a node's VM is in Azure: an instance of a uniform scale set, a VM of a flexible scale set, a VM of its
 * own, or a VM of an availability set, which is in no zone.
 */
export const NODE_KINDS = ["uniform", "flex", "vm", "avset"] as const;

export type NodeKind = (typeof NODE_KINDS)[number];

/** The most nodes that a lab has. */
export const NODES_MAX = 8;

const EXPECTED =
  `expected a whole number from 1 to ${NODES_MAX}, or a list, by comma, ` + `of ${NODE_KINDS.join(", ")}`;

/**
 * Reads the nodes of a lab: `3` for three VMs of their own, or a kind for each node, such as
 * `uniform,flex,vm,avset`.
 */
export function readNodes(
  text: string,
): { readonly kinds: readonly NodeKind[] } | { readonly problem: string } {
  const count = Number(text);
  if (Number.isInteger(count))
    return count >= 1 && count <= NODES_MAX
      ? { kinds: Array.from({ length: count }, () => "vm" as const) }
      : { problem: EXPECTED };
  const items = text.split(",");
  const kinds = items.flatMap((item) => NODE_KINDS.filter((kind) => kind === item));
  const wrong = items.find((item) => !kinds.some((kind) => kind === item));
  if (wrong !== undefined) return { problem: `${EXPECTED}${suggestion(wrong, NODE_KINDS)}` };
  return kinds.length > NODES_MAX ? { problem: EXPECTED } : { kinds };
}
