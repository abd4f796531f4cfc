"""Bundles of style sheets and scripts."""

from __future__ import annotations

import re
from typing import Final

import pytest
from django.contrib.staticfiles.finders import get_finders

from soundscape_site.settings.paths import BASE_DIR
from soundscape_site.web.static_storage import (
    SCRIPTS,
    STYLES,
    HashedStaticFiles,
    bundled_script,
    bundled_styles,
)

FILES: Final = {
    "js/main.js": 'import "./b.js";\nimport { one as first } from "./a.js";\nshow(first());\n',
    "js/b.js": 'import { one, Two } from "./a.js";\nconst name = "b" + one();\nshow(name);\n',
    "js/a.js": "let n = 0;\nexport function one() {\n  return ++n;\n}\nexport class Two {}\n",
    "css/site.css": '/* All. */\n@import "a.css";\n@import "b.css";\n',
    "css/a.css": "a { color: var(--text); }\n",
    "css/b.css": "b { margin: 0; }\n",
}


def test_a_script_holds_each_module_once_those_that_are_imported_first():
    bundle = bundled_script("js/main.js", FILES.__getitem__)
    assert re.findall(r"^const (\S+) = \(\(\) => \{$", bundle, re.MULTILINE) == [
        "$js_a_js",
        "$js_b_js",
        "$js_main_js",
    ]
    assert "const { one, Two } = $js_a_js;" in bundle
    assert "const { one: first } = $js_a_js;" in bundle
    assert "return { one, Two };" in bundle
    assert not re.search(r"^(?:import|export)", bundle, re.MULTILINE)


@pytest.mark.parametrize(
    "source",
    [
        'import main from "./a.js";\n',
        'import * as all from "./a.js";\n',
        "export default 1;\n",
        "export { one };\n",
    ],
)
def test_a_form_that_cannot_be_bundled_is_an_error(source):
    with pytest.raises(ValueError, match=r"js/main.js: this form cannot be bundled"):
        bundled_script("js/main.js", (FILES | {"js/main.js": source}).__getitem__)


def test_a_circle_of_imports_is_an_error():
    circle = FILES | {"js/a.js": 'import "./b.js";\n'}
    with pytest.raises(ValueError, match=r"js/main.js -> js/b.js -> js/a.js -> js/b.js"):
        bundled_script("js/main.js", circle.__getitem__)


def test_a_style_sheet_holds_those_that_it_imports_in_order():
    bundle = bundled_styles("css/site.css", FILES.__getitem__)
    assert bundle.index("a { color") < bundle.index("b { margin")
    assert "@import" not in bundle


def test_collected_files_are_the_bundles(tmp_path):
    storage = HashedStaticFiles(location=tmp_path, base_url="/static/")
    found = {
        name: (files, name)
        for finder in get_finders()
        for name, files in finder.list([])
        if name.startswith(("js/", "css/"))
    }
    for name, (files, path) in found.items():
        with files.open(path) as file:
            storage.save(name, file)
    assert all(result[2] is not None for result in storage.post_process(found))
    for name in (*STYLES, *SCRIPTS):
        made = (tmp_path / storage.stored_name(name)).read_text()
        assert not re.search(r"^\s*(?:@import|import|export)\b", made, re.MULTILINE)
    script = (tmp_path / storage.stored_name("js/main.js")).read_text()
    parts = re.findall(r"^const \$js_(\w+)_js = ", script, re.MULTILINE)
    assert {"sound", "upload_zone", "volume"} <= set(parts)
    assert len(parts) == len(set(parts))
    style = (tmp_path / storage.stored_name("css/site.css")).read_text()
    assert (BASE_DIR / "static/css/why.css").read_text() in style
