/** CSI's access modes that a volume may have. */
export const accessModes = [
  "SINGLE_NODE_WRITER",
  "SINGLE_NODE_READER_ONLY",
  "SINGLE_NODE_SINGLE_WRITER",
  "SINGLE_NODE_MULTI_WRITER",
  "MULTI_NODE_READER_ONLY",
  "MULTI_NODE_SINGLE_WRITER",
  "MULTI_NODE_MULTI_WRITER",
] as const;

export type AccessMode = (typeof accessModes)[number];

export function isAccessMode(name: string): name is AccessMode {
  return accessModes.some((mode) => mode === name);
}
