import type { z } from "zod";
import type { DeepReadonly } from "./deep-readonly.ts";
import type { azDriverNodeSchema } from "./schema/az-driver-node.schema.ts";

/** See `azDriverNodeSchema`: the one place that describes this resource. */
export type AzDriverNode = DeepReadonly<z.infer<typeof azDriverNodeSchema>>;
