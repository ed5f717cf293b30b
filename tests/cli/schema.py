"""The part of JSON Schema (draft 2020-12) that docs/json/*.schema.json use. What is not known here is an error, not a pass."""
import json
import re

ANNOTATIONS = {'$schema', '$comment', '$defs', 'title'}
KINDS = {'object': dict, 'array': list, 'string': str, 'boolean': bool, 'null': type(None)}


def parse(text):
    """JSON as RFC 8259 has it, in which no object has a key twice."""
    def unique(pairs):
        keys = [key for key, _ in pairs]
        if len(set(keys)) < len(keys):
            raise ValueError(f'a key twice: {keys}')
        return dict(pairs)

    def refuse(word):
        raise ValueError(f'{word} is not JSON')

    return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)


def is_kind(value, kind):
    if kind in ('integer', 'number'):
        return isinstance(value, int if kind == 'integer' else (int, float)) and not isinstance(value, bool)
    return isinstance(value, KINDS[kind])


def kinds(node):
    return node['type'] if isinstance(node['type'], list) else [node['type']]


class Schema:
    """seen: the pairs (place of a schema in its file, kind or "absent") of which a valid document had one."""

    def __init__(self, path):
        with open(path, encoding='utf-8') as file:
            self.root = parse(file.read())
        self.seen = set()

    def resolve(self, node, place):
        """A $ref stands alone and is to a definition of the same file."""
        if '$ref' not in node:
            return node, place
        name = re.fullmatch(r'#/\$defs/(\w+)', node['$ref'])[1]
        if set(node) - ANNOTATIONS != {'$ref'}:
            raise ValueError(f'{place}: more than a $ref')
        return self.root['$defs'][name], f'{name}:'

    def errors(self, value):
        """What is wrong with a document, one text each: where, and what."""
        seen = set()
        wrong = list(self.check(value, self.root, '', '$', seen))
        if not wrong:
            self.seen |= seen
        return wrong

    def check(self, value, node, place, at, seen):
        node, place = self.resolve(node, place)
        for keyword, wanted in node.items():
            if keyword in ANNOTATIONS:
                continue
            for wrong in getattr(self, 'check_' + keyword)(value, wanted, node, place, at, seen):
                yield wrong if isinstance(wrong, str) else f'{at}: {json.dumps(value)[:60]}: not {keyword} {json.dumps(wanted)[:200]}'

    def check_type(self, value, wanted, node, place, at, seen):
        fitting = [kind for kind in kinds(node) if is_kind(value, kind)]
        seen.update((place, kind) for kind in fitting)
        return [] if fitting else [False]

    def check_properties(self, value, wanted, node, place, at, seen):
        for key in wanted if isinstance(value, dict) else []:
            if key in value:
                yield from self.check(value[key], wanted[key], f'{place}.{key}', f'{at}.{key}', seen)
            else:
                seen.add((f'{place}.{key}', 'absent'))

    def check_additionalProperties(self, value, wanted, node, place, at, seen):
        for key in value.keys() - node.get('properties', {}).keys() if isinstance(value, dict) else []:
            if wanted is False:
                yield f'{at}.{key}: no such key'
            else:
                yield from self.check(value[key], wanted, f'{place}.*', f'{at}.{key}', seen)

    def check_items(self, value, wanted, node, place, at, seen):
        for i, item in enumerate(value if isinstance(value, list) else []):
            yield from self.check(item, wanted, f'{place}[]', f'{at}[{i}]', seen)

    def check_required(self, value, wanted, node, place, at, seen):
        return [f'{at}.{key}: missing' for key in wanted if isinstance(value, dict) and key not in value]

    def check_oneOf(self, value, wanted, node, place, at, seen):
        return [] if sum(not any(self.check(value, one, place, at, set())) for one in wanted) == 1 else [False]

    # Limits; each holds for values of one kind only.

    def check_enum(self, value, wanted, *_):
        return [] if value in wanted else [False]

    def check_const(self, value, wanted, *_):
        return [] if value == wanted else [False]

    def check_pattern(self, value, wanted, *_):
        return [False] if isinstance(value, str) and not re.search(wanted, value) else []

    def check_minimum(self, value, wanted, *_):
        return [False] if is_kind(value, 'number') and value < wanted else []

    def check_maximum(self, value, wanted, *_):
        return [False] if is_kind(value, 'number') and value > wanted else []

    def check_minItems(self, value, wanted, *_):
        return [False] if isinstance(value, list) and len(value) < wanted else []

    def check_maxItems(self, value, wanted, *_):
        return [False] if isinstance(value, list) and len(value) > wanted else []

    def check_maxProperties(self, value, wanted, *_):
        return [False] if isinstance(value, dict) and len(value) > wanted else []

    def places(self):
        """All schemas that have a type, as (place, schema, what is promised of it), the root and the definitions before theirs."""
        yield from self.below(self.root, '', 'stable')
        for name, node in self.root.get('$defs', {}).items():
            yield from self.below(node, f'{name}:', self.root.get('$comment', 'stable'))

    def below(self, node, place, promise):
        promise = node.get('$comment', promise)
        yield place, node, promise
        inner = [(f'.{key}', one) for key, one in node.get('properties', {}).items()] + [('[]', node.get('items'))]
        inner.append(('.*', node.get('additionalProperties')))
        for name, one in inner:
            if one:
                yield from self.below(one, place + name, promise)
