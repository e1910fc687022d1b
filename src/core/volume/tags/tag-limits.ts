/** Azure's limit of tags for one resource. */
export const TAGS_MAX = 50;
/** Azure's limit of a tag's name. */
export const TAG_NAME_MAX_CHARS = 512;
/** Azure's limit of a tag's value. */
export const TAG_VALUE_MAX_CHARS = 256;
