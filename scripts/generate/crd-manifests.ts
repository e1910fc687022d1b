import type { GeneratedFile } from "./generated-file.ts";
export function crdManifests(): readonly GeneratedFile[] { return []; }
