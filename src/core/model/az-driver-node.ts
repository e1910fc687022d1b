import type { z } from "zod";
import type { azDriverNodeSchema } from "./az-driver-node.schema.ts";
import type { DeepReadonly } from "./deep-readonly.ts";

/** See `azDriverNodeSchema`: the one place that describes this resource. */
export type AzDriverNode = DeepReadonly<z.infer<typeof azDriverNodeSchema>>;
