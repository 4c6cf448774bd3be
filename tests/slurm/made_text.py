"""Writes text/DOMAIN.jsonl for tests/slurm/recipe.textproto: made-up documents, the same every time."""
import json
import os
import random

WORDS = {
    "general": "the a sea hill went home and old young with".split(),
    "code": "if else return for while int x y = ( )".split(),
    "law": "shall party court claim held under section of the writ".split(),
}

os.makedirs("text", exist_ok=True)
for domain, words in WORDS.items():
    draw = random.Random(domain)
    with open(f"text/{domain}.jsonl", "w", encoding="utf-8") as file:
        for _ in range(200):
            text = " ".join(draw.choice(words) + draw.choice("abcdefghij") for _ in range(120))
            file.write(json.dumps({"text": text}) + "\n")
