/** How often a volume that waits for a node is planned again, in milliseconds. */
export const RECHECK_MS = 1_000;
/** How often to ask the platform whether a VM without a node still exists, in milliseconds. */
export const ASK_PLATFORM_MS = 10_000;
