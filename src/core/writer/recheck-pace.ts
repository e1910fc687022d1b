/** How often a volume that waits for a node is planned again, in milliseconds. */
export const RECHECK_MS = 1_000;
/** How often Azure or the orchestrator is asked again about what keeps a volume waiting, in milliseconds. */
export const ASK_AGAIN_MS = 10_000;
