"""The language side of the demo model: its n-grams, its files, a city's own names, and grammars."""

from __future__ import annotations

import json
import math
import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.demo_model import graph, language, model_path, openfst
from asr.demo_model.adapt import AdaptError, adapt, read_names
from asr.demo_model.evaluation import listen
from asr.demo_model.language import Source
from asr.demo_model.names import Kind, Name, kind_of, said_name, with_names
from asr.grammar import GrammarInvalid, make_grammar, model_words, to_json
from asr.models import check_model
from voice import g711, pcm
from voice.synthesis import VOICES, synthesise

LINES = (
    "我 要 投诉",
    "我 要 咨询",
    "我 要 投诉",
    "你 要 投诉",
    "我 投诉",
    "我 住 在 昆仑路",
    "他 在 昆仑路 上班",
)
NEW_NAMES = ("栖云驿小区", "鹤鸣涧路", "石榴籽广场")
GRAMMAR_WORDS = [
    *(
        "满意",
        "不",
        "一般",
        "转",
        "人工",
        "咨询",
        "投诉",
        "举报",
        "求助",
        "建议",
        "表扬",
        "是",
        "是的",
        "不是",
    ),
    *("对", "没有", "好", "重复", "返回", "公安局", "教育局", "废气", "污水", "噪声", "粉尘", "月", "年"),
]


def small_model(most: int = 1000) -> language.LanguageModel:
    sentences = [line.split() for line in LINES]
    table = {word: 1.0 for line in sentences for word in line} | {"路": 2.0}
    sources = [Source(sentences, 0.75), Source(sentences[:3], 0.25)]
    return language.estimate(sources, table, 0.3, most)


@pytest.mark.parametrize("most", [1000, 8])
def test_after_every_history_the_probabilities_sum_to_one(most: int) -> None:
    model = small_model(most)
    for history in ([language.START], ["我"], ["我", "要"], ["在"], ["在", "昆仑路"], ["路", "路"], []):
        total = math.fsum(model.probability(history, word) for word in model.words)
        assert total == pytest.approx(1.0), history
    assert model.probability(["我", "要"], "投诉") > model.probability(["我", "要"], "咨询") > 0
    assert model.probability(["投诉"], "路") > 0
    assert model.probability(["投诉"], "没有这个词") == 0


def test_pruning_keeps_what_matters_most() -> None:
    whole, small = small_model(), small_model(8)
    assert max(len(order.keys) for order in small.orders[1:]) <= 8
    assert len(whole.orders[1].keys) > 8
    for history, word in ((["我"], "要"), (["要"], "投诉"), ([], "路")):
        assert small.probability(history, word) == pytest.approx(whole.probability(history, word), rel=0.5)


def test_the_file_of_the_language_model_reads_back_as_it_was_written() -> None:
    model = small_model()
    labels = [0, 0, *range(len(model.words) - 2, 0, -1)]
    again = openfst.read_ngram_file(openfst.ngram_file(model, labels), model.words, labels)
    for before, after in zip(model.orders[1:], again.orders[1:], strict=True):
        assert (before.keys == after.keys).all()
        np.testing.assert_allclose(before.probability, after.probability, rtol=1e-5)
    for history in ([], ["我"], ["要", "投诉"], ["在"]):
        for word in model.words[1:]:
            assert again.probability(history, word) == pytest.approx(
                model.probability(history, word), rel=1e-4
            )


@pytest.mark.parametrize(
    "data", [b"", b"no fst at all", b"\xd6\xfd\xb2\x7e\x06\x00\x00\x00vector" + b"\0" * 80]
)
def test_another_kind_of_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"no FST|not 'ngram'"):
        openfst.read_ngram_file(data, ["<s>", "</s>"], [0, 0])


def test_a_new_name_stands_where_names_of_its_kind_stand() -> None:
    model = with_names(small_model(), [Name("鹤鸣涧路", Kind.PLACE), Name("我", Kind.PLACE)])
    assert model.probability(["在"], "鹤鸣涧路") > 5 * model.probability(["要"], "鹤鸣涧路") > 0
    assert model.probability(["鹤鸣涧路"], "上班") > model.probability([], "上班")
    assert model.words.count("我") == 1
    for history in (["在"], ["要"], ["鹤鸣涧路"], []):
        assert math.fsum(model.probability(history, word) for word in model.words) == pytest.approx(1.0)


def test_names_are_read_from_tables_and_lists(tmp_path: Path) -> None:
    places, units, plain = tmp_path / "places.csv", tmp_path / "units.csv", tmp_path / "words.txt"
    places.write_text("\ufeffname,kind,aliases\n栖云驿小区,estate,栖云驿;云驿\n", "utf-8")
    units.write_text("unit,duties\n市数据局,x\n", "utf-8")
    plain.write_text("# names\n雪豹公司\n\n石榴籽广场\n", "utf-8")
    names = dict(read_names([places], [plain], [units]))
    assert names["云驿"] is names["石榴籽广场"] is Kind.PLACE
    assert names["市数据局"] is names["雪豹公司"] is kind_of("法院") is Kind.UNIT
    assert said_name("109国道") == "幺零九国道" or said_name("109国道").endswith("国道")
    with pytest.raises(AdaptError, match="no column of names"):
        read_names([plain], [], [])
    with pytest.raises(AdaptError, match="cannot be read"):
        read_names([tmp_path / "missing.csv"], [], [])


def test_only_a_model_of_ours_can_be_adapted(tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(model_path(), other)
    (other / "graph" / "phones" / "syllables.txt").unlink()
    with pytest.raises(AdaptError, match="not of the demo model's kind"):
        adapt(other, [("栖云驿小区", Kind.PLACE)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def _heard(model: str, items: list[tuple[pcm.Pcm, tuple[str, ...] | None]]) -> list[str]:
    import vosk

    vosk.SetLogLevel(-1)
    loaded = vosk.Model(model)
    return [listen(loaded, sound, grammar) for sound, grammar in items]


def _said(text: str, voice: str) -> pcm.Pcm:
    speech = pcm.join(pcm.silence(0.3), synthesise(text, VOICES[voice]), pcm.silence(0.6))
    return g711.alaw_decode(g711.alaw_encode(speech))


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("city") / "our-city"
    names = [*NEW_NAMES, "石\U00020000村"]
    made = adapt(model_path(), [(name, Kind.PLACE) for name in names], out)
    assert made.added == NEW_NAMES
    assert made.unsayable == ("石\U00020000村",)
    return out


@pytest.mark.speech
def test_an_adapted_model_hears_the_new_names_and_everything_else(adapted: Path) -> None:
    facts = check_model(adapted)
    assert facts.name == "our-city"
    assert (adapted / "am" / "final.mdl").samefile(model_path() / "am" / "final.mdl") or facts.size_bytes > 0
    sentences = [f"我家住在{name}路灯不亮了" for name in NEW_NAMES] + ["您好请问有什么可以帮您"]
    sounds = [(_said(text, voice), None) for text in sentences for voice in ("citizen_f1", "citizen_m1")]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        heard = pool.submit(_heard, str(adapted), sounds).result(120)
    meant = [name for name in (*NEW_NAMES, "有什么可以帮您") for _ in range(2)]
    assert sum(name in text for name, text in zip(meant, heard, strict=True)) >= len(meant) - 1, heard


def test_what_is_there_is_not_overwritten_and_no_new_name_is_an_error(adapted: Path, tmp_path: Path) -> None:
    with pytest.raises(AdaptError, match="exists already"):
        adapt(model_path(), [("栖云驿小区", Kind.PLACE)], adapted)
    with pytest.raises(AdaptError, match="knows all"):
        adapt(adapted, [(NEW_NAMES[0], Kind.PLACE)], tmp_path / "again")


@pytest.mark.speech
def test_menus_are_heard_by_a_grammar_of_the_models_words() -> None:
    phrases = ("满意", "不满意", "一般", "转人工", "我要投诉", "环保局", "十二月", "是的")
    grammar = make_grammar(phrases, model_words(model_path()))
    sounds = [(_said(phrase, "citizen_f2"), grammar) for phrase in phrases]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        heard = pool.submit(_heard, str(model_path()), sounds).result(120)
    assert heard == list(phrases)


def test_words_of_menus_are_in_the_vocabulary() -> None:
    known = model_words(model_path())
    for phrase in GRAMMAR_WORDS:
        assert make_grammar([phrase], known)[0].replace(" ", "") == phrase


@given(st.lists(st.lists(st.sampled_from(GRAMMAR_WORDS), min_size=1, max_size=4).map("".join), min_size=1))
def test_a_grammar_says_every_phrase_once_in_known_words(phrases: list[str]) -> None:
    known = {*GRAMMAR_WORDS, "[unk]"}
    grammar = make_grammar(phrases, known)
    assert [line.replace(" ", "") for line in grammar[:-1]] == list(dict.fromkeys(phrases))
    assert grammar[-1] == "[unk]"
    assert all(word in known for line in grammar for word in line.split())
    assert json.loads(to_json(grammar)) == list(grammar)


@pytest.mark.parametrize("phrases", [[], ["", "。"], ["满意", "魑魅"]])
def test_what_vosk_would_die_of_or_drop_is_refused(phrases: list[str]) -> None:
    with pytest.raises(GrammarInvalid) as caught:
        make_grammar(phrases, {"满意", "[unk]"})
    assert ("魑魅" in str(caught.value)) is ("魑魅" in phrases)


def test_a_model_with_a_fixed_graph_takes_no_grammar(tmp_path: Path) -> None:
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph" / "words.txt").write_text("<eps> 0\n", "utf-8")
    with pytest.raises(GrammarInvalid, match="fixed graph"):
        model_words(tmp_path)


def test_words_that_sound_the_same_have_numbers_and_marks_of_their_own(tmp_path: Path) -> None:
    positions = ["nonword", *("begin", "end", "internal", "singleton") * 3]
    model = language.estimate([Source([["甲", "乙"]], 1.0)], {"甲": 1.0, "乙": 1.0, "丙": 1.0}, 0.3, 10)
    graph.write_graph(tmp_path, {"甲": [(1, 2)], "乙": [(1, 2)], "丙": [(1, 3), (2, 3)]}, positions, model)
    numbers = graph.read_words(tmp_path)
    assert sorted(numbers.values()) == list(range(5))
    assert len((tmp_path / "disambig_tid.int").read_text("ascii").split()) == 4
    assert set(graph.spoken_words(numbers)) == {"甲", "乙", "丙"}


def test_pieces_of_sentences_tell_what_follows_but_not_what_begins_or_ends() -> None:
    table = {"甲": 1.0, "乙": 1.0, "丙": 1.0}
    sentences = [["甲", "乙"]] * 4
    whole, piece = (
        language.estimate(
            [Source(sentences, 0.5), Source([["乙", "丙"]] * 4, 0.5, as_sentence)], table, 0.3, 10
        )
        for as_sentence in (True, False)
    )
    assert piece.probability(["乙"], "丙") == pytest.approx(whole.probability(["乙"], "丙"), rel=0.2)
    assert piece.probability([language.START], "乙") < whole.probability([language.START], "乙")
    assert piece.probability(["丙"], language.END) < whole.probability(["丙"], language.END)
