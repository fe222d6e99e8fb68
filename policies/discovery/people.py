"""Common surnames and given names, by which texts are recognised as names of people.

Owns the two lists. They are short on purpose: a column of names has enough of the common ones, and rare ones are words, too.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SURNAMES_ZH: Final = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金"
    "韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤康易乔赖文阎温庞樊兰殷施洪翟安颜倪牛俞章鲁葛伍毕聂"
    "焦柳邢岳齐梅庄辛管祝左涂谷祁时舒耿牟卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵强"
) | frozenset(("欧阳", "司马", "上官", "诸葛", "司徒", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "夏侯"))
"""The first characters of Chinese names: those of some nine in ten people, and the common double ones."""

GIVEN_NAMES: Final = _words(
    "james mary john patricia robert jennifer michael linda william elizabeth david barbara richard susan joseph jessica thomas sarah "
    "charles karen christopher nancy daniel lisa matthew margaret anthony betty mark sandra donald ashley steven kimberly paul emily andrew "
    "donna joshua michelle kenneth carol kevin amanda brian melissa george deborah edward stephanie ronald rebecca timothy laura jason sharon "
    "jeffrey cynthia ryan kathleen jacob amy gary shirley nicholas angela eric helen jonathan anna stephen brenda larry pamela justin nicole "
    "scott samantha brandon katherine benjamin emma samuel ruth gregory christine frank catherine alexander virginia raymond rachel patrick "
    "carolyn jack janet dennis maria jerry heather tyler diane aaron julie jose joyce adam victoria henry kelly nathan christina douglas joan "
    "zachary evelyn peter judith kyle olivia walter frances ethan martha jeremy cheryl harold megan keith andrea christian alice roger ann noah "
    "jean gerald grace terry teresa sean sara austin hannah carl doris arthur julia lawrence jane dylan marie jesse juan carlos luis ana jorge "
    "hans anders lars sven ole ingrid astrid pierre michel marie claire sophie camille antoine jacques klaus jurgen heinrich wolfgang ursula "
    "petra sabine stefan andreas giovanni giuseppe marco francesca paolo lucia mario pedro miguel antonio manuel rosa carmen elena sergio "
    "fernando ivan dmitri olga natalia sergei tatiana yuki hiroshi kenji akira mohammed ahmed fatima ali omar hassan aisha priya rahul amit "
    "sanjay anil deepak wei li ming jing fang min yan xin lei jun hong mei ying tom tim bob jim joe sam dan ben max leo mia ella lily lucy "
    "oliver liam lucas oscar hugo felix simon martin erik nina eva karl otto paula clara steve mike chris alex kate ellen janine margret laurence"
)  # fmt: skip
"""Given names of several countries, in lower case."""
